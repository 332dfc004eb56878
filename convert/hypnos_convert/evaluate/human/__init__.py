"""Human raters: blinded forms out, ratings in.

``forms`` decides who sees what: for each rater the items in an order of their own, and for each item which answer
stands left; only ``key.json`` knows. ``sheets`` and ``page`` write the same entries as XLSX, CSV and one offline HTML
form. ``ratings`` reads any of them back, and ``agreement`` says what the ratings are worth.
"""
