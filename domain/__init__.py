"""The words every layer speaks: accounts, orders, money, rule codes, results of checks. No IO, no imports of ours."""
