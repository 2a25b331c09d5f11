// cachemodel: a program that a test starts, and that ends with it.
// SPDX-License-Identifier: MIT
#include "support/process.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>

namespace cachemodel::support {

TemporaryDirectory::TemporaryDirectory() {
    auto name = (std::filesystem::temp_directory_path() / "cachemodel-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
        throw std::system_error{errno, std::generic_category(), "mkdtemp"};
    }
    path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

Process::Process(const std::vector<std::string>& command) {
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const auto parent = ::getpid();
    id_ = ::fork();
    if (id_ == -1) throw std::system_error{errno, std::generic_category(), "fork"};
    if (id_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(127);
        ::execvp(arguments[0], arguments.data());
        ::_exit(127);
    }
}

Process::~Process() { kill(); }

void Process::signal(int number) const {
    if (id_ == -1 || ::kill(id_, number) != 0) throw std::runtime_error{"no process to signal"};
}

void Process::stop() const {
    signal(SIGSTOP);
    siginfo_t information{};
    if (::waitid(P_PID, static_cast<id_t>(id_), &information, WSTOPPED) != 0) {
        throw std::system_error{errno, std::generic_category(), "waitid"};
    }
}

void Process::go_on() const { signal(SIGCONT); }

void Process::kill() noexcept {
    if (id_ == -1) return;
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
    id_ = -1;
}

bool Process::is_running() noexcept {
    if (id_ != -1 && ::waitpid(id_, nullptr, WNOHANG) == id_) id_ = -1;
    return id_ != -1;
}

}  // namespace cachemodel::support
