#include "server/blobs/s3.hpp"
#include "temp_folder.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <cstdlib>

using namespace sluice;
using blobs::S3Credentials;
using blobs::S3Place;
using test::TempFolder;

TEST_CASE("a place is a bucket and perhaps a prefix", "[blobs]") {
    CHECK(blobs::parse_s3_place("s3://ci-blobs").value() == S3Place{"ci-blobs", ""});
    CHECK(blobs::parse_s3_place("s3://ci.blobs/").value() == S3Place{"ci.blobs", ""});
    CHECK(blobs::parse_s3_place("s3://ci-blobs/team/A_1").value() ==
          S3Place{"ci-blobs", "team/A_1/"});
    CHECK(blobs::parse_s3_place("s3://ci-blobs/a/").value().to_text() == "s3://ci-blobs/a/");
    for (const char* wrong :
         {"", "ci-blobs", "https://ci-blobs", "s3://", "s3:///a", "s3://ab", "s3://Upper-case",
          "s3://ci-blobs/a//b", "s3://ci-blobs//a", "s3://ci-blobs/../a", "s3://ci-blobs/.",
          "s3://ci-blobs/a b", "s3://ci-blobs/a?b"})
        CHECK_FALSE(blobs::parse_s3_place(wrong).has_value());
}

TEST_CASE("credentials are read as AWS's own tools write them", "[blobs]") {
    const char* text =
        "# mine\n[other]\naws_access_key_id = not\n[default]\naws_access_key_id = id\n"
        "aws_secret_access_key=se=cret\nregion = x\n\naws_session_token = token\n";
    CHECK(blobs::parse_s3_credentials(text).value() == S3Credentials{"id", "se=cret", "token"});
    CHECK(blobs::parse_s3_credentials("aws_access_key_id=a\naws_secret_access_key=b").value() ==
          S3Credentials{"a", "b", ""});
    CHECK_FALSE(blobs::parse_s3_credentials("aws_access_key_id = id").has_value());
    CHECK_FALSE(blobs::parse_s3_credentials("id:secret").has_value());
}

TEST_CASE("credentials come from a file of the owner's alone, else from the environment",
          "[blobs]") {
    TempFolder folder;
    const auto file = folder.path / "credentials";
    REQUIRE(files::write_atomic(file, "aws_access_key_id=f\naws_secret_access_key=s\n", 0644));
    ::setenv("AWS_ACCESS_KEY_ID", "e", 1);
    ::setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
    auto open_to_all = blobs::find_s3_credentials(file.string());
    REQUIRE_FALSE(open_to_all.has_value());
    CHECK(open_to_all.error().message.find("chmod 600") != std::string::npos);
    // Children must not have them.
    CHECK(std::getenv("AWS_SECRET_ACCESS_KEY") == nullptr);
    ::chmod(file.c_str(), 0600);
    CHECK(blobs::find_s3_credentials(file.string()).value() == S3Credentials{"f", "s", ""});
    ::setenv("AWS_ACCESS_KEY_ID", "e", 1);
    ::setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
    CHECK(blobs::find_s3_credentials("").value() == S3Credentials{"e", "s", ""});
    auto none = blobs::find_s3_credentials("");
    REQUIRE_FALSE(none.has_value());
    CHECK(none.error().message.find("--s3-credentials") != std::string::npos);
}
