// The one place that compiles Asio's and Boost.Process v2's separately compiled sources, for every
// program.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/process/v2/src.hpp>
