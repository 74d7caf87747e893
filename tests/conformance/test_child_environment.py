"""A driver's process asks nobody but the warehouse."""

from __future__ import annotations

from pathlib import Path

import psutil

from warehouse_sync.sync.worker_process import ChildProcess


def test_drivers_are_told_not_to_ask_for_the_cloud_they_run_in(tmp_path: Path) -> None:
    child = ChildProcess(tmp_path)
    try:
        seen = psutil.Process(child.pid).environ()
    finally:
        child.end(5)
    assert seen["SNOWFLAKE_DISABLE_PLATFORM_DETECTION"] == "true"
    assert seen["AWS_EC2_METADATA_DISABLED"] == "true"
    assert not {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} & seen.keys()
