import pytest
from tests.api.good_requests import hire, every_good_request
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("unlimited")]
async def test_j(shared):
    staff = await hire(shared)
    await every_good_request(shared, staff)
