// cachemodel: the demo: a memcached of its own.
// SPDX-License-Identifier: MIT
#include "demo/own_memcached.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <thread>
#include <vector>

namespace demo {

OwnMemcached::OwnMemcached(TidyUp& tidy)
    : tidy_(tidy), socket_((tidy.directory() / "memcached.sock").string()) {
    start();
}

void OwnMemcached::start() {
    using namespace std::chrono_literals;
    std::filesystem::remove(socket_);
    std::vector<std::string> arguments{"memcached", "-s", socket_, "-m", "64", "-t", "2"};
    if (::geteuid() == 0) arguments.insert(arguments.end(), {"-u", "root"});
    std::vector<char*> pointers;
    for (auto& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    tidy_.start(pointers.data());

    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (!answers()) {
        if (!tidy_.child_runs()) {
            throw std::runtime_error{
                "memcached cannot be run, or ended at once; on Debian, the package memcached has "
                "it"};
        }
        if (std::chrono::steady_clock::now() > deadline) {
            throw std::runtime_error{"memcached was started and does not answer"};
        }
        std::this_thread::sleep_for(2ms);
    }
}

bool OwnMemcached::answers() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_.size() >= sizeof address.sun_path) {
        throw std::runtime_error{"the path of the temporary directory is too long for a socket"};
    }
    socket_.copy(address.sun_path, socket_.size());
    const int connection = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0) return false;
    const bool connected =
        ::connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(connection);
    return connected;
}

}  // namespace demo
