// cachemodel: a piece of a test that runs in a process of its own.
// SPDX-License-Identifier: MIT
#include "support/forked.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <exception>
#include <system_error>

namespace cachemodel::support {

Forked::Forked(const std::function<bool()>& work) {
    const auto parent = ::getpid();
    id_ = ::fork();
    if (id_ == -1) throw std::system_error{errno, std::generic_category(), "fork"};
    if (id_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    bool done = false;
    try {
        done = ::getppid() == parent && work();
    } catch (const std::exception&) {
        done = false;
    }
    ::_exit(done ? 0 : 1);
}

Forked::~Forked() { kill(); }

bool Forked::succeeded() {
    int status = 0;
    while (::waitpid(id_, &status, 0) == -1 && errno == EINTR) {
    }
    id_ = -1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void Forked::kill() noexcept {
    if (id_ == -1) return;
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
    id_ = -1;
}

Gate::Gate() {
    if (::pipe2(ends_, O_CLOEXEC) != 0) {
        throw std::system_error{errno, std::generic_category(), "pipe2"};
    }
}

Gate::~Gate() {
    ::close(ends_[0]);
    ::close(ends_[1]);
}

void Gate::open() const {
    if (::write(ends_[1], "", 1) != 1) {
        throw std::system_error{errno, std::generic_category(), "write"};
    }
}

void Gate::wait() const {
    char byte = 0;
    while (::read(ends_[0], &byte, 1) != 1) {
        if (errno != EINTR) throw std::system_error{errno, std::generic_category(), "read"};
    }
}

}  // namespace cachemodel::support
