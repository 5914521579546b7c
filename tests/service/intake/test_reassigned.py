"""A reporter reads which agency goes on with their report, and that nothing else changed."""

from services.intake.events import instant
from tests.service.intake.test_consenting import hear, seen


def test_it_is_a_line_that_names_who_has_it_now(api, receipt, worker):
    at = instant(worker.clock.now())
    hear(worker, receipt, "case.disposed.v1", agency="dpupr", at=at)
    hear(worker, receipt, "case.followed_up.v1", 2, agency="dpupr", status="in_progress", at=at)
    on = {"agency": "dishub", "supporting": ["dlh"], "instead_of": "dpupr"}

    hear(worker, receipt, "case.reassigned.v1", 3, **on, status="in_progress", cycle=1, at=at)

    told = seen(api, receipt)
    line = told["timeline"][-1]
    detail = {"agency": "dishub", "supporting": ["dlh"]}
    assert (line["what"], line["detail"]) == ("case.reassigned", detail)
    assert told["status"] == "in_progress"
