"""The API of KPIs: edges only; every write ends in one verb."""
