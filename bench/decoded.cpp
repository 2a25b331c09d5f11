// cachemodel: what a decoded object costs that is there, beside decoding it and beside the network.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "comparison.hpp"

namespace {

using namespace cachemodel;

struct Office {
    Key<std::string> address;
    Field<std::string> owner;
    Field<std::string> purpose;
    Field<std::string> remark;
    Field<std::int64_t> square_millimetres;
    Field<double> latitude;
    Field<std::vector<std::string>> rooms;

    bool operator==(const Office&) const = default;
};

Office office_at(const std::string& address) {
    return {
        .address = address,
        .owner = "The Honourable Company of Clerks",
        .purpose = "storage of maps, 1780 to 1890",
        .remark = "The stairs are steep; bring a lamp and a second pair of eyes",
        .square_millimetres = 84'250'000,
        .latitude = 51.51279,
        .rooms = {"reading room", "archive", "workshop for bindings", "office of the curator"},
    };
}

/// A memcached on a socket of its own, and one connection to it.
class Memcached {
 public:
    Memcached() {
        if (::mkdtemp(directory_.data()) == nullptr) throw std::runtime_error("no directory");
        socket_ = directory_ + "/memcached.sock";
        const char* const arguments[] = {"memcached",     "-U", "0",    "-s",
                                         socket_.c_str(), "-u", "root", nullptr};
        if (::posix_spawnp(&id_, arguments[0], nullptr, nullptr,
                           const_cast<char* const*>(arguments), environ) != 0) {
            throw std::runtime_error("memcached cannot be started");
        }
        connect();
    }
    ~Memcached() {
        ::close(connection_);
        ::kill(id_, SIGTERM);
        ::waitpid(id_, nullptr, 0);
        ::unlink(socket_.c_str());
        ::rmdir(directory_.c_str());
    }
    Memcached(const Memcached&) = delete;
    Memcached& operator=(const Memcached&) = delete;

    void set(std::string_view key, std::string_view value) {
        ask("set " + std::string{key} + " 0 0 " + std::to_string(value.size()) + "\r\n" +
                std::string{value} + "\r\n",
            "STORED\r\n");
    }
    /// The round trip, and nothing else: how many bytes came.
    std::size_t get(const std::string& command) { return ask(command, "END\r\n"); }

 private:
    void connect() {
        connection_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        socket_.copy(address.sun_path, sizeof address.sun_path - 1);
        for (int attempt = 0; attempt < 1000; ++attempt) {
            if (::connect(connection_, reinterpret_cast<const sockaddr*>(&address),
                          sizeof address) == 0) {
                return;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds{10});
        }
        throw std::runtime_error("memcached does not answer");
    }
    std::size_t ask(std::string_view command, std::string_view end) {
        if (::send(connection_, command.data(), command.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(command.size())) {
            throw std::runtime_error("memcached takes nothing");
        }
        for (std::size_t size = 0;;) {
            const auto read = ::recv(connection_, answer_ + size, sizeof answer_ - size, 0);
            if (read <= 0) throw std::runtime_error("memcached says nothing");
            size += static_cast<std::size_t>(read);
            if (std::string_view{answer_, size}.ends_with(end)) return size;
        }
    }

    std::string directory_ = "/tmp/cachemodel-bench-XXXXXX";
    std::string socket_;
    pid_t id_ = 0;
    int connection_ = -1;
    char answer_[4096];
};

void measure(const bench::Settings& settings, std::size_t count) {
    const Cache memory = Cache::open("memory://");
    const Cache decoded = Cache::open("memory://?decoded=256MiB&decoded_expires=1h");
    const Models<Office> offices{memory};
    const Models<Office> shared{decoded};
    Memcached server;
    std::vector<std::string> addresses;
    std::vector<std::string> commands;
    for (std::size_t i = 0; i < count; ++i) {
        // In no order that the processor could foresee.
        const std::string address = "office " + std::to_string(i * 7919 % count);
        offices.save(office_at(address));
        shared.save(office_at(address));
        const std::string key = "office-" + std::to_string(i);
        server.set(key, *memory.get_raw(offices.key_for(address)));
        addresses.push_back(address);
        commands.push_back("get " + key + "\r\n");
    }
    // When all is written: what is written makes others be read again now and then.
    for (const auto& address : addresses) (void)shared.get_shared(address);
    std::size_t at = 0;
    const auto next = [&at, count] { return at = at + 1 == count ? 0 : at + 1; };

    bench::Comparison hits{"hit of a struct of six members, one of " + std::to_string(count)};
    hits.add(
        "bare get from memcached, unix socket", [](std::size_t size) { return size > 200; },
        [&] { return server.get(commands[next()]); });
    hits.add(
        "Models::get from memory://",
        [](const Office& office) { return office == office_at(*office.address); },
        [&] { return offices.get(addresses[next()]); });
    hits.add(
        "Models::get_shared, decoded",
        [](const std::shared_ptr<const Office>& office) {
            return *office == office_at(*office->address);
        },
        [&] { return shared.get_shared(addresses[next()]); });
    hits.run(settings);
    if (decoded.statistics().hits != count) throw std::runtime_error("hits were misses");
}

}  // namespace

int main(int count, char** arguments) {
    try {
        const auto settings = bench::Settings::from_arguments(count, arguments);
        bench::print_circumstances(settings);
        measure(settings, 1);
        measure(settings, 1000);
        measure(settings, 50'000);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
