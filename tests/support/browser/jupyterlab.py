"""Opens JupyterLab as a person does: follows the link, types the token, runs all cells, reads what is printed.

Runs in an environment of its own, see ``__init__``; knows nothing of this project.
"""

import json
import sys

from playwright.sync_api import expect, sync_playwright  # type: ignore[import-not-found]

given = json.load(sys.stdin)
patience = given["patience"] * 1000

with sync_playwright() as playwright:
    chromium = playwright.chromium.launch(
        executable_path=given["browser"], args=["--no-sandbox"] if given["root"] else []
    )
    page = chromium.new_page(viewport={"width": 1360, "height": 900})
    page.set_default_timeout(patience)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    try:
        page.goto(given["url"], wait_until="domcontentloaded")
        page.fill("input[name=password]", given["token"])
        page.click("#login_submit")
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
        # Before there is a kernel, JupyterLab would ask for one.
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        # The command palette would do, too; this is what people click.
        page.click('.lm-MenuBar-itemLabel:text-is("Run")')
        page.click('.lm-Menu-itemLabel:text-is("Run All Cells")')
        last = page.locator(".jp-CodeCell").last.locator(".jp-OutputArea-output").first
        failed = page.locator('.jp-RenderedText[data-mime-type="application/vnd.jupyter.stderr"] >> text=Traceback')
        error = page.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.error"]')
        expect(last.or_(error.first).or_(failed.first).first).to_be_visible(timeout=patience)
        if given.get("show"):
            page.get_by_text(given["show"]).first.scroll_into_view_if_needed()
        page.keyboard.press("Control+s")
        page.wait_for_timeout(1500)
    finally:
        page.screenshot(path=given["screenshot"])
        texts = page.locator(".jp-OutputArea-output").all_inner_texts()
        chromium.close()
print(json.dumps({"outputs": texts, "problems": problems}))
