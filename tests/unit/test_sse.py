from cli.sse import ServerSentEvent, parse_events, split_lines


def test_an_event_has_a_name_an_id_and_data() -> None:
    lines = ["event: token", "id: 3", 'data: {"text": "Hi"}', ""]

    assert list(parse_events(lines)) == [ServerSentEvent("token", '{"text": "Hi"}', "3")]


def test_several_data_lines_are_one_text() -> None:
    assert [event.data for event in parse_events(["data: a", "data:b", ""])] == ["a\nb"]


def test_comments_keep_a_connection_alive_and_say_nothing() -> None:
    assert list(parse_events([": keep-alive", "", ": keep-alive", ""])) == []


def test_an_event_without_an_id_keeps_the_last_one() -> None:
    lines = ["id: 7", "data: a", "", "data: b", ""]

    assert [event.id for event in parse_events(lines)] == ["7", "7"]


def test_an_event_that_was_cut_off_is_dropped() -> None:
    assert list(parse_events(["event: done", "data: {"])) == []


def test_a_line_may_come_in_pieces_and_hold_unusual_separators() -> None:
    pieces = ["data: a", "\u2028b\r", "\nda", "ta: c\n", "rest"]

    assert list(split_lines(pieces)) == ["data: a\u2028b", "data: c"]
