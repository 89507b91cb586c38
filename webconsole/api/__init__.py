"""The JSON routes, one blueprint for each part; /openapi.json describes them."""
