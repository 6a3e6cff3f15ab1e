#include "pipelines/protocol/lfs.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::protocol;

namespace {

const std::string k_oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
const std::string k_version = "version https://git-lfs.github.com/spec/v1\n";

std::string pointer(const std::string& oid, const std::string& size) {
    return k_version + "oid sha256:" + oid + "\nsize " + size + "\n";
}

enum class Kind { pointer, file, bad };

Kind kind_of(const std::string& text) {
    const auto parsed = parse_lfs_pointer(text);
    if (!parsed) return Kind::bad;
    return *parsed ? Kind::pointer : Kind::file;
}

}  // namespace

TEST_CASE("a pointer of Git LFS is read", "[lfs]") {
    const auto parsed = parse_lfs_pointer(pointer(k_oid, "12345"));
    REQUIRE(parsed.has_value());
    CHECK(**parsed == LfsPointer{k_oid, 12345});
    CHECK(kind_of(pointer(k_oid, "0")) == Kind::pointer);
    CHECK(kind_of("version https://hawser.github.com/spec/v1\noid sha256:" + k_oid +
                  "\nsize 1\n") == Kind::pointer);
}

TEST_CASE("what does not begin as a pointer is a file of its own", "[lfs]") {
    for (const std::string& text :
         {std::string(), std::string("version 1\n"), std::string("oid sha256:" + k_oid + "\n"),
          "\n" + pointer(k_oid, "1"), "# " + pointer(k_oid, "1"),
          std::string("version https://git-lfs.github.com/spec/v2\noid sha256:" + k_oid +
                      "\nsize 1\n"),
          std::string("version https://git-lfs.github.com/spec/v1"),
          pointer(k_oid, "1") + std::string(1024, 'x')}) {
        INFO(text);
        CHECK(kind_of(text) == Kind::file);
    }
}

TEST_CASE("what begins as a pointer and breaks its grammar is refused", "[lfs]") {
    std::string upper = k_oid;
    upper[1] = 'D';
    for (const std::string& text : {
             k_version,
             k_version + "size 1\noid sha256:" + k_oid + "\n",
             k_version + "oid sha256:" + k_oid + "\n",
             k_version + "oid sha256:" + k_oid + "\nsize 1",
             k_version + "oid sha1:" + k_oid + "\nsize 1\n",
             k_version + "oid  sha256:" + k_oid + "\nsize 1\n",
             k_version + "oid sha256:" + k_oid + " \nsize 1\n",
             k_version + "\noid sha256:" + k_oid + "\nsize 1\n",
             k_version + "ext-0-foo sha256:" + k_oid + "\noid sha256:" + k_oid + "\nsize 1\n",
             pointer(upper, "1"),
             pointer(k_oid.substr(1), "1"),
             pointer(k_oid + "0", "1"),
             pointer("../" + k_oid.substr(3), "1"),
             pointer(k_oid, ""),
             pointer(k_oid, "-1"),
             pointer(k_oid, "+1"),
             pointer(k_oid, "01"),
             pointer(k_oid, "1.0"),
             pointer(k_oid, "0x10"),
             pointer(k_oid, " 1"),
             pointer(k_oid, "1 "),
             pointer(k_oid, "9223372036854775808"),
             pointer(k_oid, "9223372036854775807"),
             pointer(k_oid, "1\r"),
             pointer(k_oid, "1") + "\n",
             pointer(k_oid, "1") + "x-key 1\n",
             pointer(k_oid, "1") + pointer(k_oid, "1"),
         }) {
        INFO(text);
        REQUIRE(kind_of(text) == Kind::bad);
        CHECK(parse_lfs_pointer(text).error().id == "lfs_bad_pointer");
    }
}

TEST_CASE("the calls for files of Git LFS travel as JSON", "[lfs]") {
    const auto asked = parse_lfs(to_json(LfsRequest{"libs/lib", Duration{20'000}}));
    REQUIRE(asked.has_value());
    CHECK(asked->submodule == "libs/lib");
    CHECK(asked->wait == Duration{20'000});
    const LfsReply reply{{{"data/a b.bin", {k_oid, 7}}, {"ü", {k_oid, 0}}}, true};
    const auto answered = parse_lfs_reply(to_json(reply));
    REQUIRE(answered.has_value());
    CHECK(answered->files == reply.files);
    CHECK(answered->ready);
    for (const char* path : {"../x", "/etc/passwd", "a/../../b", "", "a//b"}) {
        INFO(path);
        CHECK_FALSE(parse_lfs_reply(to_json(LfsReply{{{path, {k_oid, 7}}}, true})).has_value());
    }
    CHECK_FALSE(parse_lfs_reply(to_json(LfsReply{{{"a", {"../../x", 7}}}, true})).has_value());
}
