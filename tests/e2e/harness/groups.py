"""Who reads what: the members of consumer groups, as the broker has them."""

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from tests.e2e.harness.facts import Facts

Groups = dict[str, dict[str, int]]


async def groups_of(facts: Facts, service: str) -> Groups:
    """Every group of the service: its members' clients, and how many partitions each has."""
    admin = AIOKafkaAdminClient(bootstrap_servers=facts.bootstrap)
    await admin.start()
    try:
        names = [name for name, _ in await admin.list_consumer_groups() if name.startswith(f"{service}.")]
        # One at a time: aiokafka reads the answer of a newer version by the rules of an older, which ends after one.
        answers = [answer for name in names for answer in await admin.describe_consumer_groups([name])]
    finally:
        await admin.close()
    return {
        group: {client: _count(assignment) for _, client, _, _, assignment in members}
        for answer in answers
        for _, group, _, _, _, members, *_ in answer.groups
    }


async def all_share(facts: Facts, *processes: str) -> Groups:
    """Every group of these processes' service, once they share its partitions evenly; an AssertionError while not."""
    groups = await groups_of(facts, processes[0].partition("-")[0])
    for group, members in groups.items():
        assert members.keys() == {f"{process}.{group}" for process in processes}
        assert 0 < max(members.values()) <= min(members.values()) + 1, f"{group}: {members}"
    return groups


def _count(assignment: bytes) -> int:
    if not assignment:
        return 0
    decoded = ConsumerProtocolMemberAssignment.decode(assignment)
    return sum(len(partitions) for _, partitions in decoded.assignment)
