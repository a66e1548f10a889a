"use strict";
// Search and language; the page is complete without them.
const html = document.documentElement;
const search = document.getElementById("search");
const buttons = document.querySelectorAll("#languages button");
const entries = [...document.querySelectorAll("nav li")].map((item) => {
  const section = document.getElementById(item.querySelector("a").hash.slice(1));
  return { item, section, text: section.textContent.toLowerCase() };
});
const schemas = [...document.querySelectorAll("section.schema")].map((section) => ({
  section,
  text: section.textContent.toLowerCase(),
}));

function speak(language) {
  html.lang = language;
  for (const button of buttons) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
  try {
    localStorage.setItem("language", language);
  } catch {
    // A browser that keeps nothing shows the first language again.
  }
}

function remembered() {
  try {
    return localStorage.getItem("language");
  } catch {
    return null;
  }
}

function find() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const shows = (text) => words.every((word) => text.includes(word));
  for (const { item, section, text } of entries) {
    item.hidden = section.hidden = !shows(text);
  }
  for (const { section, text } of schemas) {
    section.hidden = !shows(text);
  }
}

for (const button of buttons) {
  button.addEventListener("click", () => speak(button.dataset.language));
}
search.addEventListener("input", find);
search.hidden = document.getElementById("languages").hidden = false;
speak(["en", "ru"].includes(remembered()) ? remembered() : navigator.language.startsWith("ru") ? "ru" : "en");
