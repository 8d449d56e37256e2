from tests.reviews import grown


def test_the_tablet_reads_a_measurement_as_the_service_does():
    parted, read, most = grown.differences(2_000)
    assert parted == []
    assert 1_000 < read < 2_000
    assert most <= grown.MOST_SD
