"""A verdict document as other tools show it: Markdown for a comment or step summary, and a JUnit report. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

MARKS = {"pass": "✅", "warn": "⚠️", "fail": "❌", "error": "💥", "no_data": "⬜", "inconclusive": "❔"}


def marker(document: Mapping[str, Any]) -> str:
    """Hidden in the comment, so that the next result of the same service updates it in place."""
    service = str(document.get("service") or "ci").replace("-->", "")
    return f"<!-- milepost:results:{service} -->"


def markdown(document: Mapping[str, Any]) -> str:
    """The verdict as a table with everything that was missing or not known below it."""
    verdict = document["verdict"]
    lines = [marker(document), f"### {MARKS[verdict]} Milepost: {verdict.replace('_', ' ')}", ""]
    if document["objectives"]:
        lines += ["| | KPI | benchmark | actual | target | change | why |", "| --- | --- | --- | --- | --- | --- | --- |"]
        lines += [_row(objective) for objective in document["objectives"]]
        lines.append("")
    for word in ("missing", "unmapped"):
        if document[word]:
            lines += [f"{word.capitalize()}: " + ", ".join(f"`{_plain(name)}`" for name in document[word]), ""]
    return "\n".join([*lines, f"[The whole result]({document['url']})", ""])


def junit(document: Mapping[str, Any]) -> str:
    """One test case per objective and per missing benchmark; what is not passed or warned of is a failure or an error."""
    suite = ElementTree.Element("testsuite", name="milepost", tests="0", failures="0", errors="0")
    cases = [(o["verdict"], o["kpi"], o["benchmark"], o["reason"]) for o in document["objectives"]]
    cases += [("no_data", "missing", name, "expected, and did not come") for name in document["missing"]]
    if not cases:
        cases = [(document["verdict"], "milepost", "result", "no benchmark maps to a KPI")]
    counts = {"failure": 0, "error": 0}
    for verdict, group, name, reason in cases:
        case = ElementTree.SubElement(suite, "testcase", classname=_xml(group), name=_xml(name))
        if verdict in ("pass", "warn"):
            ElementTree.SubElement(case, "system-out").text = _xml(reason)
            continue
        kind = "error" if verdict == "error" else "failure"
        counts[kind] += 1
        ElementTree.SubElement(case, kind, type=verdict, message=_xml(reason))
    suite.attrib |= {"tests": str(len(cases)), "failures": str(counts["failure"]), "errors": str(counts["error"])}
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _row(objective: Mapping[str, Any]) -> str:
    actual = "–" if objective["actual"] is None else f"{objective['actual']:.4g} {objective['unit']}"
    change = "–" if objective["change_pct"] is None else f"{objective['change_pct']:+.1f} %"
    cells = [
        MARKS[objective["verdict"]],
        _plain(objective["kpi"]),
        f"`{_plain(objective['benchmark'])}`",
        actual,
        _plain(objective["target"]) or "–",
        change,
        _plain(objective["reason"]),
    ]
    return "| " + " | ".join(cells) + " |"


def _plain(text: str) -> str:
    """Text that cannot break out of a table cell or become HTML."""
    clean = " ".join(text.split()).replace("`", "'").replace("|", "¦")
    return clean.replace("<", "&lt;") if "&" not in clean else clean.replace("&", "&amp;").replace("<", "&lt;")


def _xml(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return "".join(char for char in text if char >= " " or char in "\t\n")
