"""Where a text names a person, place, date or number that could tell who the patient is (45 CFR 164.514(b)(2))."""
