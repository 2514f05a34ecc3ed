"""An example of tests that use the fixture of `conftest.py`."""


def test_the_weather_is_told(gateway):
    assert "Seattle" in gateway.call("weather-tool___get_weather", location="Seattle")
