"""The JSON routes, one blueprint per part; /openapi.json describes them."""
