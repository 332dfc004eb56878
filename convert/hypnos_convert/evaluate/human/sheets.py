"""Forms as XLSX and CSV. The first row holds headings, every other one an entry."""

from __future__ import annotations

import csv
import io

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill, Protection
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from .forms import ASPECTS, Form

CODE, PREFERENCE, COMMENT = "编号", "更好的回答", "评语"
PREFERENCES = {"回答一": "first", "回答二": "second", "差不多": "tie"}


def columns(answers: int) -> list[str]:
    """Headings for entries of one or two answers."""
    names = ["回答一", "回答二"][:answers]
    marks = [f"{name}·{aspect}" for name in names for aspect in ASPECTS.values()]
    return [CODE, "序号", "问题", "参考答案", *names, *([PREFERENCE] if answers == 2 else []), *marks, COMMENT]


def to_csv(form: Form) -> bytes:
    """UTF-8 with a byte order mark, without which Excel misreads Chinese."""
    answers = len(form.entries[0].answers)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns(answers))
    blank = [""] * (len(columns(answers)) - 4 - answers)
    for entry in form.entries:
        texts = [entry.question, entry.reference, *entry.answers]
        writer.writerow([entry.code, entry.number, *map(_no_formula, texts), *blank])
    return out.getvalue().encode("utf-8-sig")


def _no_formula(text: str) -> str:
    # Spreadsheets run cells that begin so.
    return "'" + text if text[:1] in tuple("=+-@\t\r") else text


def to_xlsx(form: Form) -> bytes:
    """A sheet in which only ratings can be typed, and only such as are allowed."""
    answers = len(form.entries[0].answers)
    headings = columns(answers)
    book = Workbook()
    sheet = book.active
    sheet.title = "评分"
    sheet.append(headings)
    first_rating = 4 + answers
    for entry in form.entries:
        row = sheet.max_row + 1
        values = [entry.code, entry.number, entry.question, entry.reference, *entry.answers]
        for column, value in enumerate(values, 1):
            cell = sheet.cell(row, column)
            if isinstance(value, str):
                cell.value = ILLEGAL_CHARACTERS_RE.sub("", value)
                cell.data_type = "s"  # A model's "=..." is text, not a formula.
            else:
                cell.value = value
            cell.alignment = Alignment(wrap_text=True, vertical="top")
        for column in range(first_rating + 1, len(headings) + 1):
            sheet.cell(row, column).protection = Protection(locked=False)
    for column, heading in enumerate(headings, 1):
        cell = sheet.cell(1, column)
        cell.font = Font(bold=True)
        cell.fill = PatternFill("solid", fgColor="E3EEF0")
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        wide = heading in ("问题", "参考答案", "回答一", "回答二", COMMENT)
        sheet.column_dimensions[get_column_letter(column)].width = 48 if wide else 11
    sheet.freeze_panes = "C2"
    sheet.protection.sheet = True
    last = len(form.entries) + 1
    if answers == 2:
        choice = DataValidation("list", formula1='"' + ",".join(PREFERENCES) + '"', allow_blank=True)
        sheet.add_data_validation(choice)
        letter = get_column_letter(first_rating + 1)
        choice.add(f"{letter}2:{letter}{last}")
    marks = DataValidation("decimal", operator="between", formula1="0", formula2="10", allow_blank=True)
    marks.error = "请填 0 到 10 之间的数"
    sheet.add_data_validation(marks)
    start = first_rating + (2 if answers == 2 else 1)
    marks.add(f"{get_column_letter(start)}2:{get_column_letter(len(headings) - 1)}{last}")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
