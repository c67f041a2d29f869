"""The form: what matters first, values as given, errors at the field that they are about."""

import json
import re

from settings.run_settings import MAIN, OPTIONS
from webui.form import field_of, fields, in_words_of_the_form
from webui.page import chaos_page, policy


def test_the_options_that_matter_come_first() -> None:
    found = fields({})
    assert tuple(field.name for field in found[: len(MAIN)]) == MAIN
    assert all(field.first is (field.name in MAIN) for field in found)
    by_name = {option.dest: option for option in OPTIONS}
    assert not any(by_name[field.name].fixed or by_name[field.name].secret for field in found)
    assert "dry_run" not in {field.name for field in found}


def test_present_values_are_shown() -> None:
    found = {field.name: field for field in fields({"rate": "77", "fail_on_duplicates": "True"})}
    assert found["rate"].value == "77"
    assert found["baseline"].value == found["baseline"].default == "10s"
    assert (found["fail_on_duplicates"].kind, found["fail_on_duplicates"].value) == ("flag", "true")


def test_a_refusal_names_its_field_in_the_words_of_the_form() -> None:
    problem = "--fault-latency 0s: it must be from 0.05s to 24h; give another --fault-latency, see --no-such-option"
    assert field_of(problem) == "fault_latency"
    assert in_words_of_the_form(problem).startswith("fault latency 0s: it must be")
    assert "--no-such-option" in in_words_of_the_form(problem)
    assert field_of("the service does not answer") is None


def test_the_page_is_one_file_under_a_strict_policy() -> None:
    text = chaos_page("/base", fields({"rate": "<script>alert(1)</script>"}), "0")
    assert "<script>alert" not in text
    assert not re.search(r"(src|href)=\"(https?:)?//", text)
    assert 'href="/base/"' in text
    (start,) = re.findall(r'id="start">(.*?)</script>', text)
    assert json.loads(start)["base"] == "/base"
    assert "unsafe" not in policy()
    assert policy().startswith("default-src 'none'; style-src 'sha256-")
