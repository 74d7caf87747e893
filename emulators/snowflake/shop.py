"""The sample shop: its tables, its people, the data model over it, and its second act. All in Snowflake's SQL.

Knows neither the emulator nor a connector, so that the demonstration can import it in the service's environment and send these
statements over the wire. How the first act's rows are made is in ``sample.py``.
"""

from __future__ import annotations

from datetime import UTC, datetime

DATABASE = "SHOP"
SCHEMA = "PUBLIC"
CUSTOMERS = f"{DATABASE}.{SCHEMA}.CUSTOMERS"
PURCHASES = f"{DATABASE}.{SCHEMA}.PURCHASES"

DEFAULT_CUSTOMERS = 100_000
FEWEST_CUSTOMERS = 1_000
"""The special people and the second act need this many customers to stand on."""

UPDATED_FROM = datetime(2025, 11, 1, tzinfo=UTC)
UPDATED_UNTIL = datetime(2025, 12, 31, tzinfo=UTC)
"""In the first act every UPDATED_AT lies in [UPDATED_FROM, UPDATED_UNTIL)."""

EMAIL_ONLY = 12
"""Customers known only by their e-mail address: the keys after the last ordinary one. The second act gives them ids."""

WITHOUT_IDENTITY = 25
"""Rows with neither customer id nor e-mail address: the keys after those."""

NEW_CUSTOMERS = 500
"""Customers that the second act adds."""

CHANGED_ONE_IN = 20
"""The second act changes the customers whose key leaves ADA_KEY when divided by this: 5 %, and Ada is one of them."""

ADA_KEY = 17
ADA_ID = "C-000017"
SHARED_EMAIL = "family.berger@example.com"
SHARED_EMAIL_IDS = ("C-000041", "C-000042")
"""Two customers, Jonas and Lena Berger, who gave the same e-mail address."""

GRACE_EMAIL = "grace.okafor@example.com"
"""The first of those known only by e-mail."""

_FIRST_NEW_OFFSET = 100
_COPIED_FROM = 500

CREATE_TABLES = (
    f"""CREATE TABLE IF NOT EXISTS {CUSTOMERS} (
    CUSTOMER_KEY   NUMBER(38,0) NOT NULL,
    CUSTOMER_ID    VARCHAR,
    EMAIL          VARCHAR,
    FIRST_NAME     VARCHAR,
    LAST_NAME      VARCHAR,
    COUNTRY        VARCHAR,
    PROPENSITY     NUMBER(4,3),
    ORDERS         INTEGER,
    LIFETIME_VALUE NUMBER(12,2),
    IS_SUBSCRIBER  BOOLEAN,
    BIRTH_DATE     DATE,
    UPDATED_AT     TIMESTAMP_NTZ
)""",
    f"""CREATE TABLE IF NOT EXISTS {PURCHASES} (
    CUSTOMER_KEY NUMBER(38,0) NOT NULL,
    CATEGORY     VARCHAR,
    AMOUNT       NUMBER(10,2)
)""",
)

DATA_MODEL_SQL = f"""SELECT
    c.CUSTOMER_ID,
    c.EMAIL,
    c.FIRST_NAME     AS "$FirstName",
    c.LAST_NAME      AS "$LastName",
    c.COUNTRY        AS "$Country",
    c.PROPENSITY     AS "propensity_to_buy",
    c.ORDERS         AS "orders",
    c.LIFETIME_VALUE AS "lifetime_value",
    c.IS_SUBSCRIBER  AS "is_subscriber",
    c.BIRTH_DATE     AS "birth_date",
    ARRAY_AGG(p.CATEGORY) WITHIN GROUP (ORDER BY p.AMOUNT DESC) AS "favorite_categories",
    c.UPDATED_AT
FROM {CUSTOMERS} AS c
LEFT JOIN {PURCHASES} AS p ON p.CUSTOMER_KEY = c.CUSTOMER_KEY
GROUP BY c.CUSTOMER_KEY, c.CUSTOMER_ID, c.EMAIL, c.FIRST_NAME, c.LAST_NAME, c.COUNTRY, c.PROPENSITY, c.ORDERS,
    c.LIFETIME_VALUE, c.IS_SUBSCRIBER, c.BIRTH_DATE, c.UPDATED_AT"""
"""One row per customer, with favourite categories (dearest purchase first) from the joined purchases."""


def first_act_rows(customers: int = DEFAULT_CUSTOMERS) -> int:
    """Rows of CUSTOMERS, and of the data model, before the second act."""
    return customers + EMAIL_ONLY + WITHOUT_IDENTITY


def second_act_rows(customers: int = DEFAULT_CUSTOMERS) -> int:
    """Rows that the second act stamps with its moment: changed, given an id, and new."""
    return customers // CHANGED_ONE_IN + EMAIL_ONLY + NEW_CUSTOMERS


def second_act(moment: datetime, customers: int = DEFAULT_CUSTOMERS) -> tuple[str, ...]:
    """What happens next in the shop, as statements to execute in order.

    Args:
        moment: aware; becomes the UPDATED_AT of every row touched.
        customers: the number of ordinary customers that the shop was made with.

    Returns:
        statements that change 5 % of the customers, let Ada buy a journey, give those known only by e-mail their customer
        ids, and add NEW_CUSTOMERS customers with two purchases each. To be executed once.
    """
    now = _timestamp(moment)
    return (
        _change(now, customers),
        f"""UPDATE {CUSTOMERS}
SET PROPENSITY = 0.873, ORDERS = 5, LIFETIME_VALUE = 512.30, IS_SUBSCRIBER = TRUE, UPDATED_AT = {now}
WHERE CUSTOMER_KEY = {ADA_KEY}""",
        f"INSERT INTO {PURCHASES} (CUSTOMER_KEY, CATEGORY, AMOUNT) VALUES ({ADA_KEY}, 'Travel', 237.80)",
        f"""UPDATE {CUSTOMERS}
SET CUSTOMER_ID = 'C-' || LPAD(TO_VARCHAR(CUSTOMER_KEY), 6, '0'), UPDATED_AT = {now}
WHERE CUSTOMER_KEY > {customers} AND CUSTOMER_KEY <= {customers + EMAIL_ONLY}""",
        _add_customers(now, customers),
        _add_purchases(customers),
    )


def _change(now: str, customers: int) -> str:
    return f"""UPDATE {CUSTOMERS}
SET PROPENSITY = CASE WHEN PROPENSITY < 0.8 THEN PROPENSITY + 0.15 ELSE PROPENSITY - 0.3 END,
    ORDERS = ORDERS + 1,
    LIFETIME_VALUE = LIFETIME_VALUE + 49.90,
    UPDATED_AT = {now}
WHERE CUSTOMER_KEY <= {customers} AND MOD(CUSTOMER_KEY, {CHANGED_ONE_IN}) = {ADA_KEY}"""


def _add_customers(now: str, customers: int) -> str:
    """New people get the first name of one customer and the last name of another."""
    key = f"a.CUSTOMER_KEY + {_new_key_offset(customers)}"
    return f"""INSERT INTO {CUSTOMERS} (CUSTOMER_KEY, CUSTOMER_ID, EMAIL, FIRST_NAME, LAST_NAME, COUNTRY, PROPENSITY, ORDERS,
    LIFETIME_VALUE, IS_SUBSCRIBER, BIRTH_DATE, UPDATED_AT)
SELECT {key}, 'C-' || LPAD(TO_VARCHAR({key}), 6, '0'),
    LOWER(a.FIRST_NAME) || '.' || LOWER(b.LAST_NAME) || '.' || TO_VARCHAR({key}) || '@example.com',
    a.FIRST_NAME, b.LAST_NAME, a.COUNTRY, b.PROPENSITY, 1, 49.90, b.IS_SUBSCRIBER, b.BIRTH_DATE, {now}
FROM {CUSTOMERS} AS a
JOIN {CUSTOMERS} AS b ON b.CUSTOMER_KEY = a.CUSTOMER_KEY - {NEW_CUSTOMERS // 2}
WHERE a.CUSTOMER_KEY > {_COPIED_FROM} AND a.CUSTOMER_KEY <= {_COPIED_FROM + NEW_CUSTOMERS}"""


def _add_purchases(customers: int) -> str:
    first = _COPIED_FROM + _new_key_offset(customers)
    return f"""INSERT INTO {PURCHASES} (CUSTOMER_KEY, CATEGORY, AMOUNT)
SELECT CUSTOMER_KEY, 'Books', 29.90 FROM {CUSTOMERS} WHERE CUSTOMER_KEY > {first}
UNION ALL
SELECT CUSTOMER_KEY, 'Garden', 20.00 FROM {CUSTOMERS} WHERE CUSTOMER_KEY > {first}"""


def _new_key_offset(customers: int) -> int:
    return customers + _FIRST_NEW_OFFSET - _COPIED_FROM


def _timestamp(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("moment must be aware, e.g. datetime.now(UTC)")
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return f"'{text}'::TIMESTAMP_NTZ"
