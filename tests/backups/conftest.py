"""The bucket of the sales tests."""

from tests.sales.conftest import make_shop, s3_server, shop

__all__ = ["make_shop", "s3_server", "shop"]
