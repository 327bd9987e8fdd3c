"""Row-wise Adam against Adam, row by row."""

import torch
from torch import nn

from tacit.streams import torch_stream
from tacit.training.optimizers import RowAdam


def sparse(rows: list[int], values: torch.Tensor, n: int) -> torch.Tensor:
    size = (n, values.shape[1])
    return torch.sparse_coo_tensor(torch.tensor([rows]), values, size, check_invariants=True)


def test_each_row_moves_as_adam_of_its_own_would_and_the_others_stay() -> None:
    start = torch.randn(5, 3, generator=torch_stream(0, "start"))
    table = nn.Parameter(start.clone())
    optimizer = RowAdam([table], rate=0.05, betas=(0.9, 0.99))
    alone = {row: nn.Parameter(start[row].clone()) for row in range(5)}
    adams = {row: torch.optim.Adam([alone[row]], lr=0.05, betas=(0.9, 0.99)) for row in range(5)}
    for step, rows in enumerate([[0, 3], [3], [1, 3], [0, 1]]):
        gradient = torch.randn(len(rows), 3, generator=torch_stream(step, "gradient"))
        untouched = [row for row in range(5) if row not in rows]
        before = table.detach().clone()
        optimizer.step([sparse(rows, gradient, 5)])
        for row, g in zip(rows, gradient, strict=True):
            alone[row].grad = g
            adams[row].step()
        assert torch.equal(table.detach()[untouched], before[untouched])
    for row in range(5):
        torch.testing.assert_close(table.detach()[row], alone[row].detach())
    assert torch.equal(table.detach()[[2, 4]], start[[2, 4]])


def test_the_state_survives_a_round_trip() -> None:
    tables = [nn.Parameter(torch.zeros(4, 2)) for _ in range(2)]
    optimizers = [RowAdam([table], rate=0.1) for table in tables]
    gradient = sparse([1, 2], torch.ones(2, 2), 4)
    optimizers[0].step([gradient])
    with torch.no_grad():
        tables[1].copy_(tables[0])
    optimizers[1].load_state_dict({k: v.clone() for k, v in optimizers[0].state_dict().items()})
    for optimizer in optimizers:
        optimizer.step([gradient * 3])
    assert torch.equal(tables[0], tables[1])
