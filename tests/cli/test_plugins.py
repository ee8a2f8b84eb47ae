"""`ganzoo plugins`: packages and what they bring."""

import json


def test_packages_are_counted_by_kind(ganzoo, install_plugin):
    install_plugin(
        "my-gan", {"generators": {"a": "m:A", "b": "m:B"}, "penalties": {"c": "m:C"}}, "1 / 0", version="0.3"
    )
    done = ganzoo("plugins")
    assert (done.code, done.err) == (0, "")
    (line,) = [line for line in done.out.splitlines() if "my-gan" in line]
    assert line.split("  ")[1].strip() == "my-gan 0.3"
    assert line.endswith("2 generators, 1 penalty")
    assert any(line.strip().startswith("ganzoo 1") for line in done.out.splitlines())


def test_json_is_one_document(ganzoo, install_plugin):
    install_plugin("my-gan", {"generators": {"a": "m:A"}}, version="0.3")
    found = json.loads(ganzoo("plugins", "--json").out)
    assert {"package": "my-gan", "version": "0.3", "components": {"generators": 1}} in found
    assert found[0]["package"] == "ganzoo"
