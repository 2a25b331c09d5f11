// cachemodel: the demo: a memcached of its own.
// SPDX-License-Identifier: MIT
#pragma once

#include "demo/tidy_up.hpp"

#include <string>

namespace demo {

/// A memcached on a socket in the demo's directory: nobody else can reach it. It ends with `tidy`.
class OwnMemcached {
 public:
    /// Throws `std::runtime_error` where there is no memcached, or it does not answer.
    explicit OwnMemcached(TidyUp& tidy);

    std::string url() const { return "memcached://" + socket_; }

    void kill() { tidy_.kill_child(); }
    /// On the same socket; what it had stored is lost.
    void start();

 private:
    bool answers() const;

    TidyUp& tidy_;
    std::string socket_;
};

}  // namespace demo
