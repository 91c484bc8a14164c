"""What several processes count, on a disk that fills up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.own_server import SmallDisk
from zava_cli.infra.shared_folder import FILE_BYTES, forget_process

COUNTING = """
import sys
from pathlib import Path
from zava_cli.infra.embeddings.base import EmbeddingCall
from zava_cli.infra.errors import ConfigurationError
from zava_cli.infra.metrics import Metrics

folder = Path(sys.argv[1])
try:
    metrics = Metrics(folder)
except ConfigurationError as error:
    sys.exit(error.message)
try:
    (folder.parent / "fill").write_bytes(bytes(1 << 30))
except OSError:
    metrics.embedding(EmbeddingCall("local", seconds=1, tokens=5))
    print(metrics.exposition("")[0].decode())
"""

ENDING = """
import sys
from pathlib import Path
from zava_cli.infra.embeddings.base import EmbeddingCall
from zava_cli.infra.metrics import Metrics

metrics = Metrics(Path(sys.argv[1]))
metrics.embedding(EmbeddingCall("local", seconds=1, tokens=5))
print(metrics.exposition("")[0].decode())
"""


def counting(disk: SmallDisk) -> subprocess.CompletedProcess[str]:
    """A process that counts something once it has filled the disk."""
    folder = disk.place / "zava-metrics-1"
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-c", COUNTING, folder], env={"PROMETHEUS_MULTIPROC_DIR": str(folder)},
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_process_goes_on_counting_when_the_disk_is_full_and_another_is_told(small_disk: SmallDisk) -> None:
    first = counting(small_disk)
    assert (first.returncode, first.stderr) == (0, "")
    assert 'zava_embedding_tokens_total{provider="local"} 5.0' in first.stdout
    second = counting(small_disk)
    assert second.returncode == 1
    assert "There is no room for what a worker counts" in second.stderr


def test_processes_that_have_died_leave_what_they_counted_and_keep_little_room(tmp_path: Path) -> None:
    folder = tmp_path / "zava-metrics-1"
    folder.mkdir()
    for _ in range(3):
        dead = subprocess.Popen(
            [sys.executable, "-c", ENDING, folder], env={"PROMETHEUS_MULTIPROC_DIR": str(folder)},
            cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        told = dead.communicate()[0]
        forget_process(folder, dead.pid)
        assert sum(file.stat().st_blocks * 512 for file in folder.glob("*.db")) < FILE_BYTES
    assert 'zava_embedding_tokens_total{provider="local"} 15.0' in told
