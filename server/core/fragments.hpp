#pragma once
/// Fragments of other repositories, for whoever plans. Coroutine; asks git.

#include "server/git/git_service.hpp"

#include <boost/asio/awaitable.hpp>

namespace sluice::core {

/// Adds the fragments of other repositories that the input's files name, as far as they can be had;
/// for an input that is not trusted only those that were fetched before.
boost::asio::awaitable<void> fetch_fragments(git::GitService& service, plan::Input& input);

}  // namespace sluice::core
