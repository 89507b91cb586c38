"""The companies of the demo. All names and tickers are invented; some are awkward on purpose."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Company:
    """A company as the lists show it. `cap`: market value in millions of US dollars, None if unknown."""

    # "" for a company that is not listed: its name is then its key
    ticker: str
    name: str
    sector: str
    country: str
    cap: float | None
    # its position in the table below; the generated columns are derived from it
    number: int

    @property
    def key(self) -> str:
        """What identifies the company in a list: the ticker, else the name."""
        return self.ticker or self.name


_TABLE: tuple[tuple[str, str, str, str, float | None], ...] = (
    ("ALNX", "Alnix Semiconductors Inc.", "Technology", "United States", 4210.5),
    ("ARVT", "Arvento Logistics Corp.", "Industrials", "United States", 1875),
    ("BQLA", "Biqola Therapeutics, Inc.", "Healthcare", "United States", 642.25),
    ("BRMR", "Brimmer & Sons Holdings", "Consumer", "United States", 980),
    ("CDLX2", "Cadlux Optics", "Technology", "Canada", 312.4),
    ("CRVN", "Corvanta Energy Partners LP", "Energy", "United States", 5600),
    ("DNTR", "Dentaro Devices", "Healthcare", "Switzerland", 1460.75),
    ("DRFT", 'Driftwood "Coastal" Hotels', "Consumer", "United States", 233),
    ("ELKO", "Elkon Grid Systems", "Industrials", "Germany", 2890.1),
    ("EVRM", "Evermoor Water Utilities", "Utilities", "United Kingdom", 3345),
    ("FLNT", "Flintlock Materials", "Materials", "Australia", 754.6),
    ("FRGO", "Fargo Oaks Bancorp", "Financials", "United States", 1122),
    ("GLXR", "Galaxor Interactive", "Technology", "Japan", 8120.9),
    ("GRNH", "Greenhollow Foods", "Consumer", "United States", 415),
    ("HLCN", "Halcyon Ridge Insurance", "Financials", "Bermuda", 2671.3),
    ("HXGN1", "Hexagrain Milling", "Materials", "Argentina", 188),
    ("INVO", "Invocata Software", "Technology", "United States", 1934.8),
    ("ISLD", "Islandis Ferries A/S", "Industrials", "Denmark", 529),
    ("JNPR2", "Junipera Botanicals", "Healthcare", "Canada", 97.15),
    ("KBIO", "Københavns Biotek A/S", "Healthcare", "Denmark", 1210),
    ("KLTR", "Keltara Mining plc", "Materials", "United Kingdom", 3020.4),
    ("LMRE", "Société Lumière SA", "Technology", "France", 2455),
    ("LNGV", "Longview Rail Leasing", "Industrials", "United States", 861.5),
    ("MRDN", "Meridano Payments", "Financials", "Spain", 4018),
    ("MSTL", "Mistelroth Gaming", "Consumer", "Sweden", 706.7),
    ("NBLA", "Nebulara Space, Inc.", "Industrials", "United States", 1547),
    ("NRVA", "Norveda Pharma", "Healthcare", "Norway", 934.2),
    ("OKTN", "Oaktenor Homes", "Consumer", "United States", 2210),
    ("OPLS", "Opalis Networks", "Technology", "Israel", 1388.6),
    ("PLMT", "Palmetto Grove REIT", "Real Estate", "United States", 3190),
    ("PRXA", "Proxima Diagnostics", "Healthcare", "United States", 268.9),
    ("QNTB", "Quantabel Robotics", "Industrials", "South Korea", 6240),
    ("RDWN", "Redwyne Vineyards", "Consumer", "United States", 121.3),
    ("RVLT", "Revoluta Motors", "Consumer", "Italy", 5075),
    ("SBLM", "Sublimar Cruises", "Consumer", "Norway", 1699.9),
    ("STRV", "Stravoni Steel S.p.A.", "Materials", "Italy", 844),
    ("0417.HK", "Tai Long Shipping (Holdings) Ltd", "Industrials", "Hong Kong", 1502.2),
    ("TRUE", "Truehaven Care", "Healthcare", "United States", 377),
    ("UMBR", "Umbrava Security", "Technology", "United States", 2920.5),
    ("VNTO", "Ventosa Wind", "Energy", "Portugal", 1036),
    ("WLLW", "Willowmark Paper", "Materials", "Finland", 613.8),
    ("XTRA1", "Xtralight Batteries", "Technology", "China", 4488),
    ("YRKE", "Yorke & Daughters", "Consumer", "United Kingdom", 290.6),
    ("ZPHR", "Zephyrine Aviation", "Industrials", "Ireland", 1765),
    ("", "Amberfield Capital (private)", "Financials", "United States", None),
    ("", "Nordlicht Speicher GmbH", "Energy", "Germany", None),
    ("", "Petalworks", "Technology", "United States", None),
)

COMPANIES: tuple[Company, ...] = tuple(Company(*row, number) for number, row in enumerate(_TABLE))
BY_KEY: dict[str, Company] = {company.key: company for company in COMPANIES}
