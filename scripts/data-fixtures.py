"""Writes test/fixtures/data: small files as NumPy, pandas and pyarrow write them, and what pandas says of their columns.

    python3 scripts/data-fixtures.py     needs numpy, pandas and pyarrow

The files that stand there were written on Debian 12 with python3-numpy 1.24.2 and python3-pandas 1.5.3, and pyarrow 25.0.1 from
PyPI, for Debian has none.
"""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

root = Path(__file__).resolve().parent.parent
target = root / "test" / "fixtures" / "data"
target.mkdir(parents=True, exist_ok=True)


def iris():
    """Thirty flowers, ten of each species, in every format."""
    table = pd.read_csv(root / "src" / "data" / "builtin" / "iris.csv")
    table = table.groupby(table.columns[-1], sort=False).head(10).sample(frac=1, random_state=1).reset_index(drop=True)
    species = table.columns[-1]
    table.to_csv(target / "iris.csv", index=False)
    table.to_csv(target / "iris-index.csv")
    table.to_csv(target / "iris-european.csv", index=False, sep=";", decimal=",", encoding="utf-8-sig", lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    table.to_csv(target / "iris-utf16.tsv", index=False, sep="\t", encoding="utf-16")
    table.to_csv(target / "iris.tsv.gz", index=False, sep="\t", compression={"method": "gzip", "mtime": 0})
    table.to_json(target / "iris.json", orient="records", indent=1)
    table.to_json(target / "iris.ndjson", orient="records", lines=True)
    (target / "iris-rows.json").write_text(json.dumps([list(table.columns), *table.values.tolist()]))
    inputs = table.iloc[:, :-1].to_numpy()
    names = table[species].to_numpy().astype(str)
    np.savez(target / "iris.npz", X=inputs, y=names)
    np.save(target / "iris-inputs.npy", np.asfortranarray(inputs.astype(">f4")))
    np.save(target / "iris-targets.npy", names)
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), target / "iris.parquet")
    pq.write_table(
        pa.Table.from_pandas(table, preserve_index=False),
        target / "iris-groups.parquet",
        row_group_size=7,
        compression="zstd",
        data_page_version="2.0",
        use_dictionary=False,
        version="2.6",
    )
    table.to_parquet(target / "iris-pandas.parquet", compression="gzip", index=True)


def passengers():
    """A table of everything that a column may be, with holes in it, and the statistics that pandas finds."""
    random = np.random.default_rng(7)
    rows = 60
    table = pd.DataFrame(
        {
            "age": random.normal(35, 12, rows).round(1),
            "fare": (random.gamma(2, 15, rows)).round(2),
            "class": random.integers(1, 4, rows),
            "deck": random.choice(["A", "B", "C, upper", 'D "stern"'], rows),
            "alone": random.random(rows) < 0.5,
            "survived": random.choice(["yes", "no"], rows),
        }
    )
    table.loc[random.choice(rows, 9, replace=False), "age"] = np.nan
    table.loc[random.choice(rows, 5, replace=False), "deck"] = None
    table.to_csv(target / "passengers.csv", index=False)
    table.to_json(target / "passengers.ndjson", orient="records", lines=True)
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), target / "passengers.parquet")
    expected = {
        "rows": rows,
        "complete": int(len(table.dropna())),
        "age": {
            "missing": int(table["age"].isna().sum()),
            "mean": float(table["age"].mean()),
            "median": float(table["age"].median()),
            "mostFrequent": float(table["age"].mode()[0]),
        },
        "deck": {
            "missing": int(table["deck"].isna().sum()),
            "categories": sorted(table["deck"].dropna().unique()),
            "mostFrequent": str(table["deck"].mode()[0]),
        },
        "oneHot": pd.get_dummies(table["deck"], prefix="deck", prefix_sep="=").columns.tolist(),
    }
    (target / "passengers.json").write_text(json.dumps(expected, indent=1) + "\n")


def arrays():
    """One array in every type, byte order and memory order, and in a header of every version."""
    values = np.arange(24).reshape(4, 3, 2) % 2
    variants = {}
    for kind in ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8", "b1"]:
        for order in "<>":
            for layout in "CF":
                grown = values if kind == "b1" else values + np.arange(24).reshape(4, 3, 2)
                variants[f"{kind}{'le' if order == '<' else 'be'}{layout}"] = np.array(grown, dtype=order + kind, order=layout)
    variants["text"] = np.array(["a", "bcd", "é😀", ""])
    variants["bytes"] = np.array([b"a", b"bcd", b"e", b"f"])
    np.savez_compressed(target / "arrays.npz", **variants)
    for version in [(1, 0), (2, 0), (3, 0)]:
        with open(target / f"version{version[0]}.npy", "wb") as file:
            np.lib.format.write_array(file, np.arange(6, dtype="<i2").reshape(3, 2), version=version)


def visits():
    """A column of dates and one of groups, as Arrow types them."""
    from datetime import date

    days = [date(2024, 1, 5), date(2024, 12, 30), date(2023, 7, 1), date(2024, 2, 29), date(2024, 3, 1), date(2025, 1, 1), date(2022, 5, 5), date(2024, 6, 7)]
    table = pa.table(
        {
            "x": pa.array(range(8), pa.int32()),
            "day": pa.array(days, pa.date32()),
            "patient": pa.array([1, 1, 2, 2, 3, 3, 4, 4], pa.int64()),
            "y": pa.array([0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4], pa.float64()),
        }
    )
    pq.write_table(table, target / "visits.parquet")


def images():
    """Digits as Keras keeps MNIST: mnist.npz has x_train, y_train, x_test, y_test."""
    import gzip

    raw = gzip.decompress((root / "src" / "data" / "builtin" / "digits-images.idx.gz").read_bytes())
    labels = gzip.decompress((root / "src" / "data" / "builtin" / "digits-labels.idx.gz").read_bytes())
    x = np.frombuffer(raw, dtype=np.uint8, offset=16).reshape(-1, 8, 8)[:120]
    y = np.frombuffer(labels, dtype=np.uint8, offset=8)[:120]
    np.savez_compressed(target / "digits.npz", x_train=x[:100], y_train=y[:100], x_test=x[100:], y_test=y[100:])


iris()
passengers()
arrays()
visits()
images()
