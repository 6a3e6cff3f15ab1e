"""Checks a value against the part of JSON Schema that the server's OpenAPI document uses; an unknown word is an error,
so that the document can't grow beyond what is checked."""

import datetime
import re

KNOWN = {
    "type",
    "properties",
    "required",
    "items",
    "enum",
    "format",
    "description",
    "oneOf",
    "$ref",
    "pattern",
    "minimum",
    "maximum",
    "default",
    "additionalProperties",
}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def is_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


class Schemas:
    def __init__(self, document):
        self.document = document

    def resolve(self, reference):
        at = self.document
        for part in reference.removeprefix("#/").split("/"):
            at = at[part]
        return at

    def problems(self, value, schema, where="$", strict=True):
        """Everything that is wrong. strict: an object may only have members that the document names."""
        unknown = set(schema) - KNOWN
        assert not unknown, f"the checker does not know {unknown} at {where}"
        if "$ref" in schema:
            return self.problems(value, self.resolve(schema["$ref"]), where, strict)
        if "oneOf" in schema:
            found = [self.problems(value, choice, where, strict) for choice in schema["oneOf"]]
            return [] if [] in found else [f"{where}: fits none of its choices: {found}"]
        wanted = schema.get("type", [])
        wanted = [wanted] if isinstance(wanted, str) else wanted
        if wanted and not any(is_type(value, name) for name in wanted):
            return [f"{where}: {value!r} is no {' or '.join(wanted)}"]
        found = []
        if "enum" in schema and value not in schema["enum"]:
            found.append(f"{where}: {value!r} is none of {schema['enum']}")
        if isinstance(value, str):
            found += self.text_problems(value, schema, where)
        if is_type(value, "integer") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            found.append(f"{where}: {value} is out of bounds")
        if isinstance(value, list):
            for index, item in enumerate(value):
                found += self.problems(item, schema.get("items", {}), f"{where}[{index}]", strict)
        if isinstance(value, dict):
            found += self.object_problems(value, schema, where, strict)
        return found

    @staticmethod
    def text_problems(value, schema, where):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            return [f"{where}: {value!r} does not match {schema['pattern']}"]
        if schema.get("format") == "date-time":
            try:
                moment = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
                assert moment.utcoffset() == datetime.timedelta(0)
            except (ValueError, AssertionError):
                return [f"{where}: {value!r} is no time in UTC"]
        return []

    def object_problems(self, value, schema, where, strict):
        found = [f"{where}: {name} is missing" for name in schema.get("required", []) if name not in value]
        known = schema.get("properties", {})
        more = schema.get("additionalProperties")
        for name, member in value.items():
            if name in known:
                found += self.problems(member, known[name], f"{where}.{name}", strict)
            elif isinstance(more, dict):
                found += self.problems(member, more, f"{where}.{name}", strict)
            elif strict and known:
                found.append(f"{where}: {name} is not in the document")
        return found
