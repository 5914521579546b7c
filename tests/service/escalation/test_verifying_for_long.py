"""`verify-feed` reads all that was ever told: it takes as long as it takes."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from chassis.database import Transactions, engine
from services.escalation.commands import verify
from tests.service.escalation.tower import Tower

# A feed that takes 0.3 s to read, whatever is asked of it, in place of one of millions of entries.
SLOW = """
ALTER TABLE feed_entry RENAME TO feed_entry_kept;
CREATE VIEW feed_entry AS
SELECT * FROM feed_entry_kept WHERE (SELECT pg_sleep(0.3)::text) IS NOT NULL;
GRANT SELECT ON feed_entry TO PUBLIC
"""


def test_a_feed_that_takes_longer_to_read_than_a_statement_may_is_verified(
    bare_tower: Tower, capsys: pytest.CaptureFixture[str]
) -> None:
    bare_tower.write(3)
    bare_tower.database.psql(SLOW)
    hasty = engine(bare_tower.database.url, 2)

    @sa.event.listens_for(hasty, "connect")
    def limit(connection: Any, _: Any) -> None:
        with closing(connection.cursor()) as cursor:
            cursor.execute("SET statement_timeout = 200")
        connection.commit()

    with pytest.raises(OperationalError, match="statement timeout"), hasty.begin() as any_other:
        any_other.execute(sa.text("SELECT count(*) FROM feed_entry"))
    assert verify(Transactions(hasty)) == 0
    hasty.dispose()

    assert capsys.readouterr().out == "monitoring: 3 entries hold\nhandovers: 0 entries hold\n"
