#pragma once
/// Waiting times between tries against a server that does not answer: jittered, 0.1 s doubling to
/// 10 s, so that a thousand agents do not come back in step. One thread.

#include "pipelines/base/time.hpp"
#include "platform/crypto.hpp"

#include <algorithm>

namespace sluice::agent {

class Backoff {
public:
    explicit Backoff(Duration first = Duration{100}, Duration last = Duration{10'000})
        : first_(first), last_(last), next_(first) {}

    /// Half of the nominal time plus a random half.
    Duration next() {
        Duration nominal = next_;
        next_ = std::min(next_ * 2, last_);
        auto half = nominal.count() / 2;
        return Duration{half + crypto::random_below(static_cast<std::uint32_t>(half) + 1)};
    }
    void reset() { next_ = first_; }

private:
    Duration first_, last_, next_;
};

}  // namespace sluice::agent
