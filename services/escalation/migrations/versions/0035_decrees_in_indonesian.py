"""What the system said in English, for want of a decree that it knows, it says in Indonesian.

Only the very texts that a database was seeded with are put right: they are no decree of anybody's,
nothing was decreed now either, and no end rests on them, so neither history, feed nor the regime's
version has anything of it. Triggers rest meanwhile, for the same reason. What an administrator
decreed keeps its words, whatever they are.
"""

from collections.abc import Iterator

from alembic import op

revision = "0035"
down_revision = "0034"

REGULATION = "PermenPANRB 62/2018, replaced by 5/2025 (its numbers unconfirmed)"
REGULATION_NOW = "PermenPANRB 62/2018, diganti dengan 5/2025 (angkanya belum dipastikan)"
TEXTS = {
    "SP4N-LAPOR! practice": "Praktik SP4N-LAPOR!",
    "SP4N-LAPOR! practice, national yardstick": "Praktik SP4N-LAPOR!, tolok ukur nasional",
    "SP4N-Ombudsman practice": "Praktik SP4N-Ombudsman",
    REGULATION: REGULATION_NOW,
    f"{REGULATION}; for aspirations unconfirmed": (
        f"{REGULATION_NOW}; untuk aspirasi belum dipastikan"
    ),
    "UU 25/2009 (number unconfirmed)": "UU 25/2009 (angkanya belum dipastikan)",
    "UU 37/2008 art. 38 (number unconfirmed)": "UU 37/2008 Pasal 38 (angkanya belum dipastikan)",
    "Ombudsman's practice for an LHP (number unconfirmed)": (
        "Praktik Ombudsman untuk LHP (angkanya belum dipastikan)"
    ),
    "local rule": "Aturan daerah",
}
RULE = """
UPDATE {table} SET decree = {to} WHERE decree = {was} AND effective_from = '2019-01-01'
AND NOT EXISTS (SELECT FROM amendment a WHERE a.what = '{what}' AND a.row_id = {table}.id);
"""
# A day that was replaced came from an import if its basis is one that only an import gives.
DAYS = """
UPDATE {table} SET {column} = CASE {column} WHEN 'not decreed yet' THEN 'belum ditetapkan'
    ELSE replace({column}, '(number not recorded)', '(nomor tidak tercatat)') END
WHERE {column} ~ '^(not decreed yet|SKB 3 Menteri [0-9]{{4}} \\(number not recorded\\))$'
AND {ours};
"""
QUIETLY = """
ALTER TABLE {table} DISABLE TRIGGER USER;
{change}
ALTER TABLE {table} ENABLE TRIGGER USER;
"""


def statements() -> Iterator[str]:
    """One for each table."""
    for table, what in (("limit_rule", "limit"), ("ladder_rule", "rung")):
        each = (
            RULE.format(table=table, what=what, was=_quoted(was), to=_quoted(to))
            for was, to in TEXTS.items()
        )
        yield QUIETLY.format(table=table, change="".join(each))
    for table, column, ours in (
        ("calendar_year", "decree", "NOT entered"),
        ("calendar_day", "basis", "imported"),
        ("former_day", "basis", "true"),
    ):
        change = DAYS.format(table=table, column=column, ours=ours)
        yield QUIETLY.format(table=table, change=change)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def upgrade() -> None:
    """Forward only."""
    for statement in statements():
        op.get_bind().exec_driver_sql(statement)
