// All of Asio that is not a template, compiled once (BOOST_ASIO_SEPARATE_COMPILATION). Its TLS part is not
// used: see tls_channel.h.
#include <boost/asio/impl/src.hpp>
