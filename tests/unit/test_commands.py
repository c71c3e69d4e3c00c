import pytest

from common.commands import Command, Verb, parse_command


@pytest.mark.parametrize("verb", Verb)
def test_a_command_survives_the_channel(verb: Verb) -> None:
    command = Command(verb)
    assert parse_command(command.to_json()) == command


def test_no_two_commands_have_the_same_id() -> None:
    assert Command(Verb.RELOAD).id != Command(Verb.RELOAD).id


@pytest.mark.parametrize(
    "message",
    ["", "reload", "[]", "1", "null", '{"verb": "dance", "id": "1"}', '{"verb": "reload"}'],
)
def test_anything_else_is_refused(message: str) -> None:
    with pytest.raises(ValueError, match="."):
        parse_command(message)
