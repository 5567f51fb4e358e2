"""A person acts by clicking through: asked first, done once, and on record with who."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, go_live
from tests.conftest import administrator
from tests.processes import Web


def test_a_dead_letter_is_given_another_try_once_however_often_it_is_clicked(
    page: Page, service: Web, site: Site
) -> None:
    with administrator(site.database_url) as cursor:
        cursor.execute(
            "INSERT INTO execution_tasks (id, trade_id, event_type, status, attempts, last_error, payload, finished_at)"
            " VALUES (9100001, 'CLICKED', 'MFE_UPDATE', 'FAILED', 5, 'why', '{\"be_mfe\": 1.5}', now())"
        )
    go_live(page, f"{service.url}/dead-letters")
    page.get_by_role("link", name="task:9100001").click()
    page.get_by_role("link", name="Another try …").click()
    expect(page.locator("#confirm")).to_contain_text("Task 9100001, MFE update of CLICKED, waits again")
    page.get_by_role("button", name="Give another try to task:9100001").click()
    # Without a reason the browser itself asks for one.
    expect(page).to_have_url(f"{service.url}/dead-letters/task:9100001/retry")
    page.fill("input[name=reason]", "it was the venue")
    page.get_by_role("button", name="Give another try to task:9100001").dblclick(no_wait_after=True)
    expect(page).to_have_url(f"{service.url}/tasks/9100001")
    expect(page.locator("#done")).to_contain_text("Retry by this machine (loopback): it was the venue")
    with administrator(site.database_url) as cursor:
        cursor.execute("SELECT act, by FROM operator_acts WHERE task_id = 9100001")
        assert cursor.fetchall() == [("RETRY", "this machine (loopback)")]
