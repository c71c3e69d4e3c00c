"""Findings as lines: a mark, what was seen, and the fix below it."""

from rich.text import Text

from cli.doctor.finding import Finding, Level

MARKS = {
    Level.OK: ("ok  ", "green"),
    Level.INFO: ("info", "cyan"),
    Level.WARN: ("warn", "bold yellow"),
    Level.FAIL: ("FAIL", "bold red"),
}


def finding_text(finding: Finding) -> Text:
    """One finding."""
    mark, style = MARKS[finding.level]
    text = Text(mark, style=style).append(f"  {finding.name}: {finding.said}", style="default")
    if finding.fix:
        text.append(f"\n      -> {finding.fix}", style="dim")
    return text


def summary(findings: list[Finding]) -> str:
    """How it stands, in a line."""
    counts = {level: sum(one.level is level for one in findings) for level in Level}
    return f"{counts[Level.FAIL]} failed, {counts[Level.WARN]} warnings, {counts[Level.OK]} ok"
