import pytest

from shortener.store import Store, decode, encode


@pytest.fixture
def store():
    store = Store()
    yield store
    store.close()


@pytest.mark.parametrize("number, slug", [(0, "0"), (9, "9"), (10, "a"), (61, "Z"), (62, "10")])
def test_a_slug_is_the_number_in_base_62(number, slug):
    assert encode(number) == slug
    assert decode(slug) == number


def test_foreign_characters_are_no_slug():
    assert decode("a/b") is None
    assert decode("") is None
    assert decode("z" * 11) is None


def test_the_same_url_gets_the_same_slug(store):
    first = store.add("https://example.org/a")
    store.add("https://example.org/b")
    assert store.add("https://example.org/a").slug == first.slug


def test_following_counts_visits(store):
    slug = store.add("https://example.org/").slug
    assert store.follow(slug) == "https://example.org/"
    assert store.follow(slug) == "https://example.org/"
    assert store.get(slug).hits == 2


def test_the_most_visited_link_comes_first(store):
    store.add("https://example.org/quiet")
    busy = store.add("https://example.org/busy")
    store.follow(busy.slug)
    assert [link.url for link in store.top()] == [
        "https://example.org/busy", "https://example.org/quiet"]


def test_links_outlive_the_process(tmp_path):
    path = str(tmp_path / "links.db")
    first = Store(path)
    slug = first.add("https://example.org/kept").slug
    first.close()
    second = Store(path)
    assert second.get(slug).url == "https://example.org/kept"
    second.close()
