/// What people write about an object store: its place and its credentials.

#include "pipelines/base/text.hpp"
#include "platform/crypto_box.hpp"
#include "server/blobs/s3.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace sluice::blobs {

namespace {

constexpr std::size_t k_file_max = 64 << 10;

bool all_of(std::string_view text, std::string_view marks, bool upper) {
    return std::all_of(text.begin(), text.end(), [&](unsigned char c) {
        return std::islower(c) || std::isdigit(c) || (upper && std::isupper(c)) ||
               marks.find(static_cast<char>(c)) != std::string_view::npos;
    });
}

Error bad_place(std::string why) {
    return error(Code::invalid, "bad_blobs", std::move(why), "--blobs");
}

Error bad_credentials(std::string why) {
    return error(Code::invalid, "bad_credentials", std::move(why));
}

Result<S3Credentials> read_credentials(const files::Path& file) {
    SLUICE_TRY(const files::Fd fd, files::open(file, O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
        return bad_credentials(fmt::format("{} is not a regular file", file.string()));
    if ((status.st_mode & 077) != 0)
        return bad_credentials(
            fmt::format("{} is readable or writable for others; chmod 600 it", file.string()));
    SLUICE_TRY(std::string text,
               files::read_file("/proc/self/fd/" + std::to_string(fd.get()), k_file_max));
    auto credentials = parse_s3_credentials(text);
    crypto::wipe(text);
    if (!credentials)
        return bad_credentials(fmt::format("{}: {}", file.string(), credentials.error().message));
    return credentials;
}

std::string take_from_environment(const char* name) {
    const char* value = std::getenv(name);
    std::string out = value == nullptr ? "" : value;
    ::unsetenv(name);
    return out;
}

}  // namespace

Result<S3Place> parse_s3_place(std::string_view text) {
    constexpr std::string_view scheme = "s3://";
    if (!text.starts_with(scheme))
        return bad_place(
            "must be s3://BUCKET or s3://BUCKET/PREFIX; without it blobs are files "
            "in --data");
    text.remove_prefix(scheme.size());
    const auto slash = text.find('/');
    const std::string_view bucket = text.substr(0, slash);
    std::string prefix(slash == std::string_view::npos ? "" : text.substr(slash + 1));
    while (prefix.ends_with('/')) prefix.pop_back();
    if (bucket.size() < 3 || bucket.size() > 63 || !all_of(bucket, ".-", false))
        return bad_place(
            "a bucket's name has 3 to 63 lower-case letters, digits, dots and "
            "hyphens: s3://BUCKET/PREFIX");
    const std::string inside = "/" + prefix + "/";
    if (prefix.size() > 512 || !all_of(prefix, "._-/", true) ||
        (!prefix.empty() && inside.find("//") != std::string::npos) ||
        inside.find("/./") != std::string::npos || inside.find("/../") != std::string::npos)
        return bad_place(
            "a prefix is made of names of letters, digits, dots, hyphens and "
            "underscores, with single slashes between");
    if (!prefix.empty()) prefix += '/';
    return S3Place{std::string(bucket), std::move(prefix)};
}

Result<S3Credentials> parse_s3_credentials(std::string_view text) {
    S3Credentials out;
    bool ours = true;
    for (const std::string& line : text::split(text, '\n')) {
        const std::string_view trimmed = text::trim(line);
        if (trimmed.empty() || trimmed.starts_with('#') || trimmed.starts_with(';')) continue;
        if (trimmed.starts_with('[')) {
            ours = trimmed == "[default]";
            continue;
        }
        if (!ours) continue;
        const auto equals = trimmed.find('=');
        if (equals == std::string_view::npos)
            return bad_credentials("has a line that is not `name = value`");
        const std::string_view name = text::trim(trimmed.substr(0, equals));
        std::string value(text::trim(trimmed.substr(equals + 1)));
        if (name == "aws_access_key_id") out.key_id = std::move(value);
        if (name == "aws_secret_access_key") out.secret = std::move(value);
        if (name == "aws_session_token") out.session = std::move(value);
    }
    if (out.key_id.empty() || out.secret.empty())
        return bad_credentials(
            "needs the lines `aws_access_key_id = …` and `aws_secret_access_key = …`");
    return out;
}

Result<S3Credentials> find_s3_credentials(const std::string& asked) {
    S3Credentials environment{take_from_environment("AWS_ACCESS_KEY_ID"),
                              take_from_environment("AWS_SECRET_ACCESS_KEY"),
                              take_from_environment("AWS_SESSION_TOKEN")};
    if (!asked.empty()) return read_credentials(asked);
    if (const char* folder = std::getenv("CREDENTIALS_DIRECTORY")) {
        const files::Path given = files::Path(folder) / "sluice-s3-credentials";
        std::error_code ignored;
        if (std::filesystem::exists(given, ignored)) return read_credentials(given);
    }
    if (!environment.key_id.empty() && !environment.secret.empty()) return environment;
    return bad_credentials(
        "no credentials: name a file with --s3-credentials (mode 0600, lines "
        "`aws_access_key_id = …` and `aws_secret_access_key = …`), or set AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY");
}

}  // namespace sluice::blobs
