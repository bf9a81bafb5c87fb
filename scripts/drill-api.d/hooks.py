"""Rules of the API that the OpenAPI document cannot express, for schemathesis."""

import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """An empty value of a parameter counts as absent; the generator of the document cannot express that."""
    for path in raw_schema["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query":
                    parameter["allowEmptyValue"] = True


@schemathesis.check
def accepted_unless_said_otherwise(ctx, response, case):
    """Data that fits the document is accepted, except by rules that a schema cannot express: which dates form a range, which two
    modes are not supported yet, and which funnels the settings define."""
    if response.status_code == 400:
        faults = response.json().get("errors", [])
        if faults and all(beyond_a_schema(fault) for fault in faults):
            return None
    return positive_data_acceptance(ctx, response, case)


def beyond_a_schema(fault):
    field, code = fault["field"], fault["code"]
    return field in ("startDate", "endDate") or code == "not_supported" or (field, code) == ("funnel", "unknown_value")
