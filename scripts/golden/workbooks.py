"""Small Excel workbooks for tests, made with openpyxl, XlsxWriter and (the password) msoffcrypto-tool.

python scripts/golden/workbooks.py test/fixtures/workbooks
"""
import datetime
import io
import sys

import msoffcrypto.format.ooxml
import openpyxl
import xlsxwriter

OUT = sys.argv[1]
HEADER = ["size", "colour", "sold on", "at", "new", "code", "label"]


def row(i):
    day = datetime.datetime(2024, 1, 28) + datetime.timedelta(days=i, hours=6 if i == 3 else 0)
    time = datetime.time(7 + i % 3, 30)
    return [i * 0.5 - 1, None if i == 2 else "red" if i % 2 else "blau", day, time, i % 2 == 0, f"00{i % 4}", "yes" if i > 5 else "no"]


def openpyxl_book(sheets, path):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for values in rows:
            sheet.append(values)
    book.save(path)


rows = [row(i) for i in range(12)]
openpyxl_book([("Sheet1", [HEADER, *rows]), ("Sheet2", [])], f"{OUT}/plain.xlsx")
openpyxl_book([("Jan & Feb", [HEADER, *rows]), ("März", [HEADER, *rows[:5]])], f"{OUT}/several.xlsx")
openpyxl_book([("S", [["a", "b", "y"], *[[i, f"=A{i + 2}*2", "no"] for i in range(4)]])], f"{OUT}/formulas.xlsx")

# A title above, an empty column before, a gap, formulas with values, an error's value; texts inside the sheet itself.
book = xlsxwriter.Workbook(f"{OUT}/report.xlsx", {"constant_memory": True})
sheet = book.add_worksheet("Report")
sheet.write(0, 1, "Sales of 2024")
for j, name in enumerate(["n", "twice", "label"]):
    sheet.write(2, j + 1, name)
for i in range(6):
    sheet.write_number(3 + i + (i > 3), 1, i + 0.25)
    sheet.write_formula(3 + i + (i > 3), 2, f"=B{4 + i}*2", None, "#DIV/0!" if i == 1 else 2 * i + 0.5)
    sheet.write(3 + i + (i > 3), 3, "yes" if i % 2 else "no")
book.close()

plain = io.BytesIO(open(f"{OUT}/plain.xlsx", "rb").read())
with open(f"{OUT}/locked.xlsx", "wb") as out:
    msoffcrypto.format.ooxml.OOXMLFile(plain).encrypt("secret", out)
