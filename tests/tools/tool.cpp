// cachemodel: the command line tool as a child process, with pipes or on a terminal.
// SPDX-License-Identifier: MIT
#include "tools/tool.hpp"

#include "support/sockets.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

namespace cachemodel::support {

namespace {

constexpr unsigned longest_run = 60;  // seconds

[[noreturn]] void fail(const char* what) {
    throw std::system_error{errno, std::generic_category(), what};
}

/// What the child is given, made before the fork.
class Prepared {
 public:
    Prepared(const std::vector<std::string>& command, const Environment& environment) {
        const char* const path = std::getenv("PATH");
        // The first of two of one name is what a program finds.
        for (const auto& [name, value] : environment) variables_.push_back(name + '=' + value);
        variables_.push_back(std::string{"PATH="} + CACHEMODEL_TOOL_DIRECTORY + ':' +
                             (path == nullptr ? "/usr/bin:/bin" : path));
        variables_.insert(variables_.end(), {"TERM=xterm", "LC_ALL=C.UTF-8"});
        for (const auto& word : command) arguments_.push_back(const_cast<char*>(word.c_str()));
        arguments_.push_back(nullptr);
        for (auto& variable : variables_) environment_.push_back(variable.data());
        environment_.push_back(nullptr);
    }

    [[noreturn]] void become() const {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::alarm(longest_run);
        std::signal(SIGPIPE, SIG_DFL);
        ::environ = const_cast<char**>(environment_.data());
        ::execvp(arguments_[0], arguments_.data());
        ::_exit(127);
    }

 private:
    std::vector<std::string> variables_;
    std::vector<char*> arguments_;
    std::vector<char*> environment_;
};

int exit_of(pid_t id) {
    int status = 0;
    while (::waitpid(id, &status, 0) == -1) {
        if (errno != EINTR) fail("waitpid");
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/// False at the end, which a terminal says with an error.
bool append_some(int from, std::string& to) {
    std::array<char, 4096> buffer{};
    const auto size = ::read(from, buffer.data(), buffer.size());
    if (size > 0) to.append(buffer.data(), static_cast<std::size_t>(size));
    return size > 0;
}

struct Pipe {
    Pipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe2");
        from = Descriptor{ends[0]};
        to = Descriptor{ends[1]};
    }
    Descriptor from;
    Descriptor to;
};

}  // namespace

Ran run(const std::vector<std::string>& command, const Environment& environment) {
    const Prepared prepared{command, environment};
    const Descriptor nothing{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    Pipe out;
    Pipe err;
    const pid_t id = ::fork();
    if (id == -1) fail("fork");
    if (id == 0) {
        ::dup2(nothing.number(), STDIN_FILENO);
        ::dup2(out.to.number(), STDOUT_FILENO);
        ::dup2(err.to.number(), STDERR_FILENO);
        prepared.become();
    }
    out.to = Descriptor{};
    err.to = Descriptor{};
    Ran ran;
    std::array<pollfd, 2> open{pollfd{out.from.number(), POLLIN, 0},
                               pollfd{err.from.number(), POLLIN, 0}};
    while (open[0].fd != -1 || open[1].fd != -1) {
        if (::poll(open.data(), open.size(), -1) == -1 && errno != EINTR) fail("poll");
        if (open[0].revents != 0 && !append_some(open[0].fd, ran.out)) open[0].fd = -1;
        if (open[1].revents != 0 && !append_some(open[1].fd, ran.err)) open[1].fd = -1;
    }
    ran.exit = exit_of(id);
    return ran;
}

Ran Tool::operator()(std::vector<std::string> words) const {
    words.insert(words.begin(), "cachemodel");
    return run(words, {{"CACHEMODEL_URL", url_}});
}

nlohmann::json Tool::json(std::vector<std::string> words) const {
    words.emplace_back("--json");
    const Ran ran = (*this)(std::move(words));
    auto document = nlohmann::json::parse(ran.out);
    if (document.at("exit") != ran.exit) {
        throw std::runtime_error{"the document has another exit code"};
    }
    return document;
}

Terminal::Terminal(const std::vector<std::string>& command, const Environment& environment) {
    const Prepared prepared{command, environment};
    id_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
    if (id_ == -1) fail("forkpty");
    if (id_ == 0) prepared.become();
}

Terminal::~Terminal() {
    ::close(terminal_);
    if (id_ == -1) return;
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
}

bool Terminal::read_some() { return append_some(terminal_, shown_); }

bool Terminal::shows(const std::string& text) {
    while (shown_.find(text) == std::string::npos) {
        if (!read_some()) return false;
    }
    return true;
}

void Terminal::type(const std::string& text) const {
    if (::write(terminal_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        fail("write");
    }
}

int Terminal::end() {
    while (read_some()) {
    }
    const int exit = exit_of(id_);
    id_ = -1;
    return exit;
}

}  // namespace cachemodel::support
