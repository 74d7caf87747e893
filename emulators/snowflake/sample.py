"""The first act of the sample shop: makes its rows inside the engine, the same rows every time.

Every value is a function of the customer's key alone (through MD5, which no version of an engine changes), so that rows can be
made all at once in the engine's own SQL, and a shop with more customers begins with the same ones.
"""

from __future__ import annotations

from fakesnow.instance import FakeSnow

from emulators.snowflake import shop

FEWEST_CUSTOMERS = shop.FEWEST_CUSTOMERS

FIRST_NAMES = (  # noqa: SIM905 - a list would take a line for each name
    "Aisha Alejandro Alice Amara Amelie Anders Anna Anton Astrid Benedict Camille Carlos Carmen Chen Clara Daniel David Diego "
    "Elena Elias Emil Emma Eva Fatima Felix Finn Freya George Hana Hannah Hugo Ida Ines Ingrid Isabel Ivan Jack James Julia "
    "Kaito Karin Lars Laura Leila Leo Liam Lina Louis Lucia Luka Maja Marco Maria Marta Mateo Mei Mia Mila Nadia Nils Nina "
    "Noah Nora Olga Oliver Omar Oscar Paula Pedro Petra Priya Rafael Ravi Rosa Ruth Samir Sara Sofia Stefan Tara Theo Thomas "
    "Tomas Uma Vera Victor Wei Yara Yuki Zoe"
).split()
LAST_NAMES = (  # noqa: SIM905 - the same
    "Adams Almeida Andersson Bauer Becker Bianchi Brown Campbell Carvalho Castillo Chen Clarke Costa Davies Dubois Eriksson "
    "Evans Fernandez Ferrari Fischer Fontaine Garcia Gonzalez Gray Haas Hansen Hayashi Hoffmann Huber Ito Ivanov Jansen "
    "Johansson Jones Kaya Keller Khan Kim Kovacs Kowalski Kumar Lambert Larsen Lee Lindberg Lopez Martin Mendes Meyer Moreau "
    "Moretti Morgan Moser Murphy Nakamura Nguyen Nielsen Novak Nowak Olsen Patel Pereira Petersen Popescu Ramos Reid Ricci "
    "Rossi Sato Schmidt Schneider Shah Silva Singh Smith Suzuki Taylor Tanaka Thompson Torres Turner Vasquez Virtanen Wagner "
    "Walker Wang Weber Williams Wilson Wright Yamamoto Yilmaz Young Zhang Ziegler"
).split()
COUNTRIES = "Australia Austria Brazil Canada France Germany Italy Japan Netherlands Poland Spain Sweden".split()  # noqa: SIM905
CATEGORIES = "Art Books Electronics Fashion Film Games Garden Kitchen Music Sports Toys Travel".split()  # noqa: SIM905
MAIL_HOSTS = ("example.com", "example.net", "example.org")

_STEPS = (1, 5, 7, 11)  # coprime with 12, so that one customer's categories differ


def create(instance: FakeSnow, customers: int) -> int:
    """Makes the shop, unless there already is one (in a folder of databases).

    Args:
        instance: the engine.
        customers: ordinary customers, at least FEWEST_CUSTOMERS; the special people come on top.

    Returns:
        the rows made in CUSTOMERS; 0 if the shop was there.
    """
    with instance.connect(shop.DATABASE, shop.SCHEMA) as connection:
        for statement in shop.CREATE_TABLES:
            connection.cursor().execute(statement)
        engine = connection._duck_conn
        (there,) = engine.execute(f"SELECT count(*) FROM {shop.CUSTOMERS}").fetchone()
        if there:
            return 0
        engine.begin()
        for statement in (*_people(customers), *_special_people(customers), _purchases(), *_ada()):
            engine.execute(statement)
        engine.commit()
    return shop.first_act_rows(customers)


def _people(customers: int) -> tuple[str, ...]:
    microseconds = int((shop.UPDATED_UNTIL - shop.UPDATED_FROM).total_seconds()) * 1_000_000
    made = f"""INSERT INTO {shop.CUSTOMERS} BY NAME
WITH person AS (
    SELECT k, {_one_of(FIRST_NAMES, "first")} AS first_name, {_one_of(LAST_NAMES, "last")} AS last_name,
        {_below(15, "orders")} AS orders, TIMESTAMP '{shop.UPDATED_FROM:%Y-%m-%d}' AS beginning
    FROM range(1, {shop.first_act_rows(customers) + 1}) AS keys(k)
)
SELECT k AS CUSTOMER_KEY,
    'C-' || lpad(k::VARCHAR, 6, '0') AS CUSTOMER_ID,
    CASE WHEN {_below(25, "no mail")} > 0
         THEN lower(first_name) || '.' || lower(last_name) || '.' || k || '@' || {_one_of(MAIL_HOSTS, "host")} END AS EMAIL,
    first_name AS FIRST_NAME, last_name AS LAST_NAME, {_one_of(COUNTRIES, "country")} AS COUNTRY,
    ({_below(1000, "propensity")} / 1000)::DECIMAL(4,3) AS PROPENSITY,
    orders AS ORDERS,
    (orders * (1200 + {_below(16800, "value")}) / 100)::DECIMAL(12,2) AS LIFETIME_VALUE,
    {_below(3, "subscriber")} = 0 AS IS_SUBSCRIBER,
    CASE WHEN {_below(10, "no birth")} > 0 THEN DATE '1945-01-01' + {_below(22000, "birth")}::INTEGER END AS BIRTH_DATE,
    CASE WHEN k % 1000 = 0 THEN date_trunc('hour', beginning + to_microseconds({_below(microseconds, "updated")}))
         ELSE beginning + to_microseconds({_below(microseconds, "updated")}) END AS UPDATED_AT
FROM person ORDER BY k"""
    email_only = f"""UPDATE {shop.CUSTOMERS} SET CUSTOMER_ID = NULL,
    EMAIL = lower(FIRST_NAME) || '.' || lower(LAST_NAME) || '.' || CUSTOMER_KEY || '@example.com'
WHERE CUSTOMER_KEY > {customers}"""
    nobody = f"UPDATE {shop.CUSTOMERS} SET EMAIL = NULL WHERE CUSTOMER_KEY > {customers + shop.EMAIL_ONLY}"
    return made, email_only, nobody


def _special_people(customers: int) -> tuple[str, ...]:
    return (
        f"""UPDATE {shop.CUSTOMERS} SET FIRST_NAME = 'Ada', LAST_NAME = 'Winter', EMAIL = 'ada.winter@example.com',
    COUNTRY = 'Sweden', PROPENSITY = 0.412, ORDERS = 3, LIFETIME_VALUE = 274.50, IS_SUBSCRIBER = FALSE,
    BIRTH_DATE = DATE '1990-12-10', UPDATED_AT = TIMESTAMP '2025-12-18 09:30:00.250000'
WHERE CUSTOMER_KEY = {shop.ADA_KEY}""",
        f"""UPDATE {shop.CUSTOMERS} SET FIRST_NAME = CASE CUSTOMER_ID WHEN '{shop.SHARED_EMAIL_IDS[0]}' THEN 'Jonas' ELSE 'Lena' END,
    LAST_NAME = 'Berger', COUNTRY = 'Germany', EMAIL = '{shop.SHARED_EMAIL}'
WHERE CUSTOMER_ID IN {shop.SHARED_EMAIL_IDS}""",
        f"""UPDATE {shop.CUSTOMERS} SET FIRST_NAME = 'Grace', LAST_NAME = 'Okafor', EMAIL = '{shop.GRACE_EMAIL}'
WHERE CUSTOMER_KEY = {customers + 1}""",
    )


def _purchases() -> str:
    """Two or three for each customer, in different categories and of different amounts."""
    category = (
        f"(({_below(len(CATEGORIES), 'category')} + n * ({_one_of(_STEPS, 'step')})) % {len(CATEGORIES)})::INTEGER"
    )
    return f"""INSERT INTO {shop.PURCHASES} BY NAME
SELECT k AS CUSTOMER_KEY, {_listed(CATEGORIES)}[1 + {category}] AS CATEGORY,
    ((500 + {_below(20000, "amount")} + n * 137) / 100)::DECIMAL(10,2) AS AMOUNT
FROM (SELECT CUSTOMER_KEY AS k FROM {shop.CUSTOMERS}) AS people, range(0, 3) AS purchases(n)
WHERE n < 2 + {_below(2, "purchases")} ORDER BY k, n"""


def _ada() -> tuple[str, ...]:
    key = shop.ADA_KEY
    return (
        f"DELETE FROM {shop.PURCHASES} WHERE CUSTOMER_KEY = {key}",
        f"INSERT INTO {shop.PURCHASES} VALUES ({key}, 'Books', 120.00), ({key}, 'Music', 89.50), ({key}, 'Garden', 65.00)",
    )


def _below(limit: int, salt: str) -> str:
    """SQL: a number in [0, limit) that depends on the key ``k`` and the salt alone."""
    return f"(md5_number_lower('{salt}:' || k) % {limit})::BIGINT"


def _one_of(values: tuple[str, ...] | tuple[int, ...] | list[str], salt: str) -> str:
    return f"{_listed(values)}[1 + {_below(len(values), salt)}]"


def _listed(values: tuple[str, ...] | tuple[int, ...] | list[str]) -> str:
    return f"({list(values)})"
