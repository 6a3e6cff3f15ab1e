#pragma once
/// Blobs in a bucket of an S3-compatible object store (docs/decisions/0029). Requests are signed by
/// libcurl, with the hash of their body; addresses have the bucket in their path. Large blobs go in
/// parts, so that a transfer that was cut goes on. What fails by accident is tried again a few
/// times with growing pauses.

#include "platform/http_client.hpp"
#include "server/blobs/remote.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

namespace sluice::blobs {

/// `s3://BUCKET[/PREFIX]`.
struct S3Place {
    std::string bucket;
    std::string prefix;  ///< "" or `a/b/`

    std::string to_text() const { return "s3://" + bucket + "/" + prefix; }
    bool operator==(const S3Place&) const = default;
};
Result<S3Place> parse_s3_place(std::string_view text);

struct S3Credentials {
    std::string key_id, secret;
    std::string session;  ///< token of temporary ones; "" = none

    bool operator==(const S3Credentials&) const = default;
};
/// Of the text of a file as AWS's own tools have it: `aws_access_key_id = …` and
/// `aws_secret_access_key = …`, perhaps `aws_session_token = …`; below `[default]` or no heading.
Result<S3Credentials> parse_s3_credentials(std::string_view text);
/// From `asked` (a file that only its owner may read), else from the service manager's credential
/// `sluice-s3-credentials` (systemd: LoadCredential), else from AWS_ACCESS_KEY_ID and
/// AWS_SECRET_ACCESS_KEY. These are then removed from the environment, so that no child has them:
/// call it before there are threads.
Result<S3Credentials> find_s3_credentials(const std::string& asked);

struct S3Options {
    std::string endpoint;  ///< http or https, without a slash at its end
    std::string region;
    S3Place place;
    S3Credentials credentials;
    std::string ca_file;                 ///< "" = the system's authorities
    std::int64_t part_bytes = 16 << 20;  ///< larger blobs go in parts of that size
    int tries = 5;
    Duration first_pause{200};  ///< doubles
};

class S3 final : public Remote {
public:
    explicit S3(S3Options options);
    ~S3() override;
    S3(const S3&) = delete;
    S3& operator=(const S3&) = delete;

    /// Writes, reads and removes a small object: what is needed is allowed. The error says what to
    /// do.
    Result<> check();

    Result<> put(std::string_view digest, int fd, std::int64_t size,
                 const files::Path& notes) override;
    Result<std::string> get(std::string_view digest, std::int64_t offset,
                            std::int64_t size) override;
    Result<> remove(std::string_view digest, const files::Path& notes) override;
    void stop() override;

private:
    struct Call;
    struct Parts;
    class Lease;

    Result<http_client::Response> send(const Call& call);
    Result<http_client::Response> send_once(const Call& call);
    /// As send(), and what is no success is an error.
    Result<http_client::Response> ask(const Call& call);
    Error refusal(const Call& call, const http_client::Response& response) const;
    bool pause(Duration time);
    std::string key(std::string_view digest) const;

    Result<> put_whole(std::string_view digest, int fd, std::int64_t size);
    Result<Parts> begin_parts(std::string_view digest, std::int64_t size, const files::Path& notes);
    Result<> put_parts(std::string_view digest, int fd, std::int64_t size,
                       const files::Path& notes);
    Result<> complete(std::string_view digest, std::int64_t size, const Parts& parts);

    const S3Options options_;
    const http_client::SigV4 sign_;
    std::mutex mutex_;
    std::condition_variable stopping_;
    bool stopped_ = false;
    std::vector<std::unique_ptr<http_client::Client>> idle_;
    std::set<http_client::Client*> busy_;
};

}  // namespace sluice::blobs
