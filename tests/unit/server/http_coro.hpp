#pragma once
/// Runs one coroutine to its end on an io_context of its own.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <optional>

template <class T>
T run_coroutine(boost::asio::awaitable<T> coroutine) {
    boost::asio::io_context io;
    std::optional<T> result;
    std::exception_ptr thrown;
    boost::asio::co_spawn(io, std::move(coroutine), [&](std::exception_ptr e, T value) {
        thrown = e;
        result = std::move(value);
    });
    io.run();
    if (thrown) std::rethrow_exception(thrown);
    return std::move(*result);
}
