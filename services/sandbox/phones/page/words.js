"use strict";
// Every word of the page in both languages.
const WORDS = {
  ru: {
    phones: "Телефоны песочницы", open: "Открыть", phone: "Номер телефона", nobody: "Пока никто никому не писал. Отправьте сообщение или откройте телефон и напишите с него.",
    live: "обновляется", lost: "нет связи с песочницей", person: "Человек", last: "Последнее сообщение", when: "Когда",
    windowOpen: "окно открыто", windowClosed: "окно закрыто", write: "Сообщение", send: "Отправить",
    empty: "На этом телефоне пусто.", to: "Номер компании (phone_number_id)", image: "Картинка", audio: "Голосовое", document: "Документ",
    location: "Геопозиция", contacts: "Контакт", video: "Видео", sticker: "Стикер", reaction: "Реакция", order: "Заказ", revoke: "удалено", edit: "исправлено", template: "Шаблон",
    interactive: "Сообщение с кнопками", button: "Кнопка", system: "Системное", unsupported: "Не поддерживается", request_welcome: "Открыл чат",
    quotes: "в ответ на", magic: "Волшебные номера", magicText: "Такой номер всегда ведёт себя одинаково: выберите получателя, чтобы проверить нужный исход.",
    what: "Что происходит", noPhone: "виден только BSUID", failed: "не доставлено", you: "Вы", refused: "Не отправлено", newTalk: "Написать с этого телефона",
    accepted: "принято", sent: "отправлено", delivered: "доставлено", read: "прочитано", played: "прослушано", link: "ссылка", text: "Текст", back: "Все телефоны",
  },
  en: {
    phones: "Sandbox phones", open: "Open", phone: "Phone number", nobody: "Nobody has written to anybody yet. Send a message, or open a phone and write from it.",
    live: "live", lost: "no connection to the sandbox", person: "Person", last: "Last message", when: "When",
    windowOpen: "window open", windowClosed: "window closed", write: "Message", send: "Send",
    empty: "Nothing on this phone.", to: "Business number (phone_number_id)", image: "Picture", audio: "Voice note", document: "Document",
    location: "Location", contacts: "Contact", video: "Video", sticker: "Sticker", reaction: "Reaction", order: "Order", revoke: "deleted", edit: "edited", template: "Template",
    interactive: "Message with buttons", button: "Button", system: "System", unsupported: "Unsupported", request_welcome: "Opened the chat",
    quotes: "in reply to", magic: "Magic numbers", magicText: "Such a number always behaves in the same way: choose the recipient to test the outcome you want.",
    what: "What happens", noPhone: "BSUID only", failed: "not delivered", you: "You", refused: "Not sent", newTalk: "Write from this phone",
    accepted: "accepted", sent: "sent", delivered: "delivered", read: "read", played: "played", link: "link", text: "Text", back: "All phones",
  },
};

function chosenLanguage() {
  const kept = localStorage.getItem("sandbox-language");
  if (kept && WORDS[kept]) return kept;
  const wanted = navigator.languages.map((one) => one.slice(0, 2)).find((one) => WORDS[one]);
  return wanted || "en";
}

let language = chosenLanguage();
const word = (name) => WORDS[language][name] ?? name;

function speak(other) {
  if (other) {
    language = other;
    localStorage.setItem("sandbox-language", other);
  }
  document.documentElement.lang = language;
  for (const one of document.querySelectorAll("[data-word]")) one.textContent = word(one.dataset.word);
  for (const one of document.querySelectorAll("[data-language]"))
    one.setAttribute("aria-pressed", String(one.dataset.language === language));
}
