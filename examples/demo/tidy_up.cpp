// cachemodel: the demo: leaves nothing behind, not even after Ctrl-C.
// SPDX-License-Identifier: MIT
#include "demo/tidy_up.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <system_error>

namespace demo {

namespace {

/// Sent to the waiting thread when there is nothing left to wait for.
constexpr int finished = SIGUSR1;

sigset_t awaited_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, finished}) sigaddset(&signals, signal);
    return signals;
}

std::filesystem::path make_directory() {
    auto path = (std::filesystem::temp_directory_path() / "cachemodel-demo-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) {
        throw std::system_error{errno, std::generic_category(), "cannot make " + path};
    }
    return path;
}

}  // namespace

TidyUp::TidyUp() {
    // Output into a pipe that was closed, as by `| head`, must not end the demo untidily.
    std::signal(SIGPIPE, SIG_IGN);
    const auto signals = awaited_signals();
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    directory_ = make_directory();
    signals_ = std::thread{[this, signals] {
        int signal = 0;
        sigwait(&signals, &signal);
        if (signal == finished) return;
        {
            const std::lock_guard lock{mutex_};
            tidy();
        }
        ::_exit(128 + signal);
    }};
}

TidyUp::~TidyUp() {
    ::pthread_kill(signals_.native_handle(), finished);
    signals_.join();
    tidy();
}

void TidyUp::start(char* const* arguments) {
    const std::lock_guard lock{mutex_};
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) throw std::system_error{errno, std::generic_category(), "cannot fork"};
    if (pid == 0) {
        // Only what is allowed between fork and exec in a program with threads.
        const auto signals = awaited_signals();
        ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);     // should the demo be killed itself
        if (::getppid() != parent) ::_exit(1);  // it was, in between
        const int nothing = ::open("/dev/null", O_RDWR);
        for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
            ::dup2(nothing, standard);
        }
        ::execvp(arguments[0], arguments);
        ::_exit(127);
    }
    child_ = pid;
}

bool TidyUp::child_runs() {
    const std::lock_guard lock{mutex_};
    if (child_ && ::waitpid(*child_, nullptr, WNOHANG) == *child_) child_.reset();
    return child_.has_value();
}

void TidyUp::kill_child() {
    const std::lock_guard lock{mutex_};
    kill_child_locked();
}

void TidyUp::kill_child_locked() noexcept {
    if (!child_) return;
    ::kill(*child_, SIGKILL);
    ::waitpid(*child_, nullptr, 0);
    child_.reset();
}

void TidyUp::tidy() noexcept {
    kill_child_locked();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

}  // namespace demo
