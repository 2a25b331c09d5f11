// cachemodel: the file backend among processes, and against what others do to its directory.
// SPDX-License-Identifier: MIT
#include "support/backend_calls.hpp"
#include "support/catch.hpp"
#include "support/file_store.hpp"
#include "support/forked.hpp"

#include <cachemodel/backends/file.hpp>

#include <pwd.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <filesystem>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/// A loaded machine gets time to answer.
constexpr auto patience = 20s;

FileOptions patient(const FileStore& store) {
    return {.directory = store.path(), .deadline = patience};
}

/// A child that does `work` and ends with what it gives: 0 to 99. It ends with this process.
pid_t begin_child(const std::function<int()>& work) {
    const pid_t id = ::fork();
    if (id != 0) return id;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    int result = 99;
    try {
        result = work();
    } catch (const std::exception&) {
        result = 98;
    }
    ::_exit(result);
}

/// What the child ended with; 100 and more where a signal ended it.
int end_of_child(pid_t id) {
    int status = 0;
    while (::waitpid(id, &status, 0) == -1 && errno == EINTR) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

int in_child(const std::function<int()>& work) { return end_of_child(begin_child(work)); }

/// What each of several children, all at once, ended with.
std::vector<int> in_children(int count, const std::function<int(int)>& work) {
    std::vector<pid_t> children;
    for (int i = 0; i < count; ++i) {
        children.push_back(begin_child([&work, i] { return work(i); }));
    }
    std::vector<int> results;
    for (const pid_t child : children) results.push_back(end_of_child(child));
    return results;
}

bool is_root() { return ::geteuid() == 0; }

/// Root may do everything: a check of permissions wants another user. Gives that up for good.
void become_nobody() {
    const passwd* const nobody = ::getpwnam("nobody");
    if (nobody == nullptr || ::setgid(nobody->pw_gid) != 0 || ::setuid(nobody->pw_uid) != 0) {
        throw std::runtime_error{"cannot become nobody"};
    }
}

std::ptrdiff_t open_descriptors() {
    return std::distance(fs::directory_iterator{"/proc/self/fd"}, fs::directory_iterator{});
}

bool failed_with(const Outcome& outcome, BackendFault fault) {
    return outcome.failed() && outcome.failure().fault() == fault;
}

bool failed_with(const Read& read, BackendFault fault) {
    return read.failed() && read.failure->fault() == fault;
}

}  // namespace

TEST_CASE("what a process has stored outlives it", "[file][processes]") {
    const FileStore store;
    CHECK(in_child([&] {
              FileBackend backend{patient(store)};
              const bool stored =
                  set(backend, "endless", "v").done() && set(backend, "timed", "w", 1h).done();
              return stored ? 0 : 1;
          }) == 0);
    FileBackend backend{patient(store)};
    CHECK(get(backend, "endless").found("v"));
    CHECK(get(backend, "timed").found("w"));
    Lifetime left;
    CHECK(backend.remaining_lifetime("timed", left).done());
    CHECK(left > Lifetime{59min});
    CHECK(left <= Lifetime{1h + 1ms});  // rounded up
}

TEST_CASE("counting in several processes loses no step", "[file][processes]") {
    const FileStore store;
    FileBackend backend{patient(store)};
    REQUIRE(set(backend, "n", "0").done());
    // The children go on with the backend of their parent.
    const auto results = in_children(4, [&](int) {
        std::int64_t count = 0;
        for (int i = 0; i < 500; ++i) {
            if (!backend.increment("n", 1, count).done()) return 1;
        }
        return 0;
    });
    CHECK(results == std::vector<int>{0, 0, 0, 0});
    CHECK(get(backend, "n").found("2000"));
}

TEST_CASE("of several processes that add a key one wins", "[file][processes]") {
    const FileStore store;
    FileBackend backend{patient(store)};
    for (int round = 0; round < 20; ++round) {
        const auto key = "round " + std::to_string(round);
        const auto results = in_children(8, [&](int number) {
            const auto outcome = add(backend, key, std::to_string(number));
            return outcome.failed() ? 2 : outcome.done() ? 1 : 0;
        });
        CHECK(std::ranges::count(results, 1) == 1);
        CHECK(std::ranges::count(results, 0) == 7);
        const auto winner = std::ranges::find(results, 1) - results.begin();
        CHECK(get(backend, key).found(std::to_string(winner)));
    }
}

TEST_CASE("processes that do everything at once break nothing", "[file][processes]") {
    const FileStore store;
    const FileOptions options{.directory = store.path(), .max_entries = 40, .deadline = patience};
    const auto results = in_children(4, [&](int number) {
        FileBackend backend{options};
        std::minstd_rand random{static_cast<unsigned>(number) + 1};
        const auto end = std::chrono::steady_clock::now() + 2s;
        while (std::chrono::steady_clock::now() < end) {
            const auto key = "key" + std::to_string(random() % 60);
            const auto value = std::string(random() % 9000, static_cast<char>('a' + number));
            std::int64_t count = 0;
            switch (random() % 10) {
                case 0:
                    if (remove(backend, key).failed()) return 1;
                    break;
                case 1:
                    if (touch(backend, key, 20ms).failed()) return 2;
                    break;
                case 2:
                    if (add(backend, key, value, 50ms).failed()) return 3;
                    break;
                case 3:
                    if (!set(backend, "n" + key, "1").done()) return 4;
                    break;
                case 4:
                    if (backend.increment("n" + key, 1, count).failed()) return 5;
                    break;
                case 5:
                    if (random() % 50 == 0) backend.clear();
                    break;
                case 6:
                case 7: {
                    const auto read = get(backend, key);
                    if (read.failed() || read.answers != 1) return 6;
                    if (read.value !=
                        std::string(read.value.size(), read.value.empty() ? 'x' : read.value[0])) {
                        return 7;
                    }
                    break;
                }
                default:
                    if (!set(backend, key, value).done()) return 8;
            }
        }
        return 0;
    });
    CHECK(results == std::vector<int>{0, 0, 0, 0});
    CHECK(store.drafts() == 0);
    CHECK(store.entries() <= 40);
    FileBackend backend{options};
    CHECK(list_keys(backend).size() <= store.entries());
}

TEST_CASE("a process that is killed while it writes leaves whole entries", "[file][processes]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path(), .max_entries = 50, .deadline = patience}};
    for (int round = 0; round < 40; ++round) {
        const pid_t writer = begin_child([&] {
            std::minstd_rand random{static_cast<unsigned>(::getpid())};
            while (true) {
                const auto key = "key" + std::to_string(random() % 60);
                const char letter = static_cast<char>('a' + random() % 26);
                if (random() % 4 == 0) {
                    static_cast<void>(touch(backend, key, 1h));
                } else {
                    static_cast<void>(set(backend, key, std::string(30'000, letter)));
                }
            }
            return 0;
        });
        // Somewhere in its work; where exactly is the point of many rounds.
        std::this_thread::sleep_for(std::chrono::microseconds{2000 + 373 * (round % 17)});
        ::kill(writer, SIGKILL);
        CHECK(end_of_child(writer) == 100 + SIGKILL);
        for (int i = 0; i < 60; ++i) {
            const auto read = get(backend, "key" + std::to_string(i));
            CHECK_FALSE(read.failed());
            if (read.found()) CHECK(read.value == std::string(30'000, read.value.at(0)));
        }
        // Nothing that the killed one held holds up others.
        CHECK(set(backend, "key0", std::string(30'000, 'z')).done());
        CHECK(store.entries() <= 50);
    }
    // Every whole file is an entry: none is left that only looks like one.
    CHECK(list_keys(backend).size() == store.entries());
    backend.clear();
    CHECK(store.entries() == 0);
    CHECK(store.drafts() == 0);
}

TEST_CASE("readers of an entry that is touched always find it", "[file][threads]") {
    const FileStore store;
    FileBackend backend{patient(store)};
    const std::string value(5000, 'v');
    REQUIRE(set(backend, "k", value, 1h).done());
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::thread toucher{[&] {
        for (int i = 0; i < 3000; ++i) {
            if (!touch(backend, "k", i % 2 == 0 ? Lifetime{never} : Lifetime{1h}).done()) ++wrong;
        }
        stop = true;
    }};
    while (!stop) {
        if (!get(backend, "k").found(value)) ++wrong;
    }
    toucher.join();
    CHECK(wrong == 0);
}

TEST_CASE("an entry that was written again is not purged as the expired one", "[file][threads]") {
    const FileStore store;
    FileBackend backend{patient(store)};
    std::atomic<bool> stop{false};
    std::thread reader{[&] {
        while (!stop) static_cast<void>(get(backend, "k"));
    }};
    int lost = 0;
    for (int i = 0; i < 300; ++i) {
        REQUIRE(set(backend, "k", "short", 1ms).done());
        std::this_thread::sleep_for(1ms);
        REQUIRE(set(backend, "k", "fresh", 1h).done());
        if (!get(backend, "k").found("fresh")) ++lost;
    }
    stop = true;
    reader.join();
    CHECK(lost == 0);
}

#ifndef CACHEMODEL_NO_FORK_AMONG_ALLOCATIONS
TEST_CASE("a child goes on whatever other threads of its parent were doing", "[file][threads]") {
    const FileStore store;
    FileBackend backend{patient(store)};
    REQUIRE(set(backend, "bob", "v").done());
    std::atomic<bool> stop{false};
    std::vector<std::thread> others;
    for (int i = 0; i < 3; ++i) {
        others.emplace_back([&, i] {
            while (!stop) {
                // Both use what all threads share; closing does little else.
                backend.close();
                if (i == 0) static_cast<void>(get(backend, "bob"));
            }
        });
    }
    int result = 0;
    for (int i = 0; i < 50 && result == 0; ++i) {
        const pid_t child = begin_child([&] {
            ::alarm(20);
            if (!get(backend, "bob").found("v")) return 1;
            return set(backend, "alice", "w").done() ? 0 : 2;
        });
        result = end_of_child(child);
    }
    stop = true;
    for (auto& other : others) other.join();
    CHECK(result == 0);
}

TEST_CASE("a child does not wait for threads of its parent that waited for their turn",
          "[file][threads]") {
    const FileStore store;
    FileBackend backend{patient(store)};
    REQUIRE(set(backend, "n", "0").done());
    std::atomic<bool> stop{false};
    std::vector<std::thread> others;
    for (int i = 0; i < 3; ++i) {
        others.emplace_back([&, i] {
            for (int round = 0; !stop; ++round) {
                static_cast<void>(increment(backend, "n"));
                static_cast<void>(set(backend, std::to_string(i) + std::to_string(round), "v"));
            }
        });
    }
    int result = 0;
    for (int i = 0; i < 20 && result == 0; ++i) {
        const pid_t child = begin_child([&] {
            ::alarm(20);
            if (!increment(backend, "n").outcome.done()) return 1;
            return set(backend, "child" + std::to_string(::getpid()), "w").done() ? 0 : 2;
        });
        result = end_of_child(child);
    }
    stop = true;
    for (auto& other : others) other.join();
    CHECK(result == 0);
}

TEST_CASE("a child of a process that ends at once keeps none of its locks", "[file][threads]") {
    const std::vector<std::string> keys{"a", "b", "c"};
    int stuck = 0;
    for (int i = 0; i < 20; ++i) {
        const FileStore store;
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        const pid_t parent = begin_child([&] {
            auto& backend = *new FileBackend{FileOptions{.directory = store.path()}};
            std::thread{[&] {
                for (;;) {
                    for (const auto& key : keys) static_cast<void>(set(backend, key, "v"));
                }
            }}.detach();
            std::this_thread::sleep_for(3ms);
            if (::fork() != 0) ::_exit(0);
            ::alarm(20);
            std::this_thread::sleep_for(10ms);  // until the parent is gone
            char failed = 0;
            for (const auto& key : keys) {
                if (!set(backend, key, "w").done()) failed = 1;
            }
            return ::write(ends[1], &failed, 1) == 1 ? 0 : 1;
        });
        CHECK(end_of_child(parent) == 0);
        ::close(ends[1]);
        char failed = 9;
        CHECK(::read(ends[0], &failed, 1) == 1);
        ::close(ends[0]);
        if (failed != 0) ++stuck;
    }
    CHECK(stuck == 0);
}
#endif

TEST_CASE("directories are made for this user alone, whatever the umask", "[file][security]") {
    for (const mode_t mask : {0000U, 0022U, 0077U, 0377U}) {
        const FileStore store;
        INFO("umask " << mask);
        fs::create_directory(store.path());
        fs::permissions(store.path(), static_cast<fs::perms>(0755));
        CHECK(in_child([&] {
                  ::umask(mask);
                  FileBackend backend{{.directory = store.path() / "a" / "b" / "c"}};
                  return set(backend, "bob", "v").done() && get(backend, "bob").found() ? 0 : 1;
              }) == 0);
        CHECK(mode_of(store.path()) == 0755);
        CHECK(mode_of(store.path() / "a") == 0700);
        CHECK(mode_of(store.path() / "a" / "b") == 0700);
        CHECK(mode_of(store.path() / "a" / "b" / "c") == 0700);
        CHECK(mode_of(store.path() / "a" / "b" / "c" / "81") == 0700);
        CHECK(mode_of(store.path() / "a" / "b" / "c" / file_of_bob) == 0600);
        CHECK(mode_of(store.path() / "a" / "b" / "c" / "counts.cachemodel") == 0600);
    }
}

TEST_CASE("a file that is being written is nobody else's either", "[file][security]") {
    const FileStore store;
    const pid_t writer = begin_child([&] {
        ::umask(0);
        FileBackend backend{patient(store)};
        while (true) static_cast<void>(set(backend, "bob", std::string(4 << 20, 'v')));
        return 0;
    });
    std::vector<unsigned> seen;
    for (int i = 0; i < 2000 && seen.size() < 20; ++i) {
        std::error_code vanished;
        for (const auto& entry : fs::directory_iterator{store.bob().parent_path(), vanished}) {
            if (entry.path().filename().string().starts_with("draft-")) {
                const unsigned mode = mode_of(entry.path());
                if (mode != 0) seen.push_back(mode);
            }
        }
        std::this_thread::sleep_for(100us);
    }
    ::kill(writer, SIGKILL);
    CHECK(end_of_child(writer) == 100 + SIGKILL);
    CHECK_FALSE(seen.empty());
    for (const unsigned mode : seen) CHECK(mode == 0600);
}

TEST_CASE("a directory that others can write, or that is another's, is refused",
          "[file][security]") {
    const FileStore store;
    fs::create_directory(store.path());
    for (const unsigned mode : {0777U, 01777U, 0770U, 0702U}) {
        fs::permissions(store.path(), static_cast<fs::perms>(mode));
        CHECK_THROWS_AS(FileBackend(patient(store)), ConfigError);
    }
    fs::permissions(store.path(), static_cast<fs::perms>(0755));
    FileBackend backend{patient(store)};
    REQUIRE(set(backend, "bob", "v").done());

    fs::permissions(store.path(), static_cast<fs::perms>(0757));
    CHECK(failed_with(get(backend, "bob"), BackendFault::permission));
    CHECK(failed_with(set(backend, "bob", "w"), BackendFault::permission));
    CHECK(failed_with(remove(backend, "bob"), BackendFault::permission));
    CHECK(failed_with(touch(backend, "bob", 1h), BackendFault::permission));
    CHECK_THROWS_AS(backend.clear(), BackendError);
    CHECK_THROWS_AS(backend.facts(), BackendError);
    fs::permissions(store.path(), static_cast<fs::perms>(0700));
    CHECK(get(backend, "bob").found("v"));

    if (!is_root()) {
        WARN("skipped: only root can give a directory to another user");
        return;
    }
    const passwd* const nobody = ::getpwnam("nobody");
    REQUIRE(nobody != nullptr);
    REQUIRE(::chown(store.path().c_str(), nobody->pw_uid, nobody->pw_gid) == 0);
    CHECK_THROWS_WITH(FileBackend(patient(store)), Catch::Contains("another user"));
    CHECK(failed_with(get(backend, "bob"), BackendFault::permission));
}

TEST_CASE("the system's temporary directory itself is refused", "[file][security]") {
    CHECK_THROWS_WITH(FileBackend({.directory = "/tmp"}), Catch::Contains("writable by others"));
}

TEST_CASE("what the system forbids is a failure, and nothing that is absent", "[file][failure]") {
    if (!is_root()) {
        WARN("skipped: only root can become nobody");
        return;
    }
    const FileStore store;
    // Below a directory that nobody may enter, and of which nobody may read.
    const fs::path open_to_all = store.path().parent_path();
    fs::permissions(open_to_all, static_cast<fs::perms>(0755));
    FileBackend backend{patient(store)};
    REQUIRE(set(backend, "bob", "v").done());
    CHECK(in_child([&] {
              become_nobody();
              const FileOptions inner{.directory = store.path() / "inner"};
              try {
                  FileBackend{inner};
                  return 1;
              } catch (const ConfigError&) {
              }
              // Root's own directory may be read where it is open, and not written.
              return 0;
          }) == 0);
    fs::permissions(store.path(), static_cast<fs::perms>(0755));
    fs::permissions(store.bob().parent_path(), static_cast<fs::perms>(0755));
    CHECK(in_child([&] {
              become_nobody();
              FileBackend other{patient(store)};
              if (!failed_with(get(other, "bob"), BackendFault::permission)) return 1;
              if (!failed_with(set(other, "bob", "w"), BackendFault::permission)) return 2;
              if (!get(other, "nobody's").absent()) return 3;
              return 0;
          }) == 0);
    fs::permissions(store.bob(), static_cast<fs::perms>(0644));
    CHECK(in_child([&] {
              become_nobody();
              FileBackend other{patient(store)};
              return get(other, "bob").found("v") ? 0 : 1;
          }) == 0);
    CHECK(get(backend, "bob").found("v"));
}

TEST_CASE("a link at an entry's place is never followed", "[file][security]") {
    const FileStore store;
    FileBackend backend{patient(store)};
    REQUIRE(set(backend, "bob", "v").done());
    const auto target = store.path().parent_path() / "target";
    fs::copy_file(store.bob(), target);  // a sound entry, so that following would show
    const auto before = bytes_of(target);
    const auto plant = [&] {
        fs::remove(store.bob());
        fs::create_symlink(target, store.bob());
    };
    plant();
    CHECK(get(backend, "bob").absent());
    CHECK(touch(backend, "bob", 1h).declined());
    std::int64_t count = 0;
    CHECK(backend.increment("bob", 1, count).declined());
    CHECK(list_keys(backend).empty());
    CHECK(set(backend, "bob", "new").done());
    CHECK(fs::is_regular_file(fs::symlink_status(store.bob())));
    CHECK(get(backend, "bob").found("new"));
    plant();
    CHECK(add(backend, "bob", "added").done());
    CHECK(get(backend, "bob").found("added"));
    plant();
    CHECK(remove(backend, "bob").declined());
    CHECK_FALSE(fs::exists(fs::symlink_status(store.bob())));
    plant();
    backend.clear();
    CHECK_FALSE(fs::exists(fs::symlink_status(store.bob())));
    CHECK(bytes_of(target) == before);
}

TEST_CASE("what is no plain file at an entry's place is nothing, and replaced",
          "[file][security]") {
    const FileStore store;
    FileBackend backend{patient(store)};
    REQUIRE(set(backend, "bob", "v").done());
    fs::remove(store.bob());
    SECTION("a FIFO") { REQUIRE(::mkfifo(store.bob().c_str(), 0600) == 0); }
    SECTION("a directory") { fs::create_directory(store.bob()); }
    SECTION("a socket") {
        const auto short_name = store.path() / "s";
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        short_name.string().copy(address.sun_path, sizeof address.sun_path - 1);
        const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
        REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        ::close(socket);
        fs::rename(short_name, store.bob());
    }
    CHECK(get(backend, "bob").absent());
    CHECK(touch(backend, "bob", 1h).declined());
    CHECK(list_keys(backend).empty());
    CHECK(add(backend, "bob", "new").done());
    CHECK(get(backend, "bob").found("new"));
    CHECK(store.entries() == 1);
}

TEST_CASE("a directory with something in it is a failure of the key in whose place it stands",
          "[file][failure]") {
    const FileStore store;
    FileBackend backend{patient(store)};
    REQUIRE(set(backend, "alice", "v").done());
    write_bytes(store.bob() / "file", "foreign");
    const auto read = get(backend, "bob");
    CHECK(failed_with(read, BackendFault::unavailable));
    CHECK(read.failure->message() == "unavailable: file cache " + store.path().string() + ": " +
                                         std::string{file_of_bob} +
                                         " is a directory that is not empty");
    CHECK(failed_with(set(backend, "bob", "v"), BackendFault::unavailable));
    CHECK(failed_with(add(backend, "bob", "v"), BackendFault::unavailable));
    CHECK(failed_with(compare_and_set(backend, "bob", "v", 1), BackendFault::unavailable));
    CHECK(failed_with(touch(backend, "bob", 1h), BackendFault::unavailable));
    CHECK(failed_with(remove(backend, "bob"), BackendFault::unavailable));
    std::int64_t count = 0;
    CHECK(failed_with(backend.increment("bob", 1, count), BackendFault::unavailable));
    Lifetime left = never;
    CHECK(failed_with(backend.remaining_lifetime("bob", left), BackendFault::unavailable));
    // No other key has to do with it, nor does what is said of all.
    CHECK(get_many(backend, {"bob", "alice"}).at(1).found("v"));
    CHECK(list_keys(backend) == std::vector<std::string>{"alice"});
    CHECK(backend.facts().front().value == "1");  // entry
    CHECK(bytes_of(store.bob() / "file") == "foreign");
    CHECK(store.drafts() == 0);
}

TEST_CASE("the directory may be reached through a link, which is followed once",
          "[file][security]") {
    const FileStore store;
    const auto link = store.path().parent_path() / "link";
    const auto real = store.path().parent_path() / "real";
    const auto other = store.path().parent_path() / "other";
    fs::create_directory(real);
    fs::create_directory(other);
    fs::create_directory_symlink(real, link);
    FileBackend backend{{.directory = link}};
    REQUIRE(set(backend, "bob", "v").done());
    CHECK(fs::exists(real / file_of_bob));
    fs::remove(link);
    fs::create_directory_symlink(other, link);
    CHECK(get(backend, "bob").found("v"));
    CHECK(set(backend, "alice", "w").done());
    CHECK(fs::is_empty(other));
}

TEST_CASE("a directory that is deleted between calls is made again", "[file][failure]") {
    const FileStore store;
    FileBackend backend{patient(store)};
    const auto fill_and_delete = [&] {
        CHECK(set(backend, "bob", "1").done());
        fs::remove_all(store.path());
    };
    std::int64_t count = 0;
    Lifetime left;
    fill_and_delete();
    CHECK(get(backend, "bob").absent());
    CHECK_FALSE(fs::exists(store.path()));
    fill_and_delete();
    CHECK(touch(backend, "bob", 1h).declined());
    fill_and_delete();
    CHECK(remove(backend, "bob").declined());
    fill_and_delete();
    CHECK(backend.increment("bob", 1, count).declined());
    fill_and_delete();
    CHECK(backend.remaining_lifetime("bob", left).declined());
    fill_and_delete();
    CHECK_NOTHROW(backend.clear());
    fill_and_delete();
    CHECK(list_keys(backend).empty());
    fill_and_delete();
    CHECK(compare_and_set(backend, "bob", "2", 1).declined());
    fill_and_delete();
    CHECK(add(backend, "bob", "2").done());
    CHECK(get(backend, "bob").found("2"));
    CHECK(mode_of(store.path()) == 0700);

    // Only what is in it.
    for (const auto& entry : fs::directory_iterator{store.path()}) fs::remove_all(entry.path());
    CHECK(get(backend, "bob").absent());
    CHECK(set(backend, "bob", "3").done());
    CHECK(get(backend, "bob").found("3"));

    // Moved away, and another one in its place.
    fs::rename(store.path(), store.path().parent_path() / "old");
    fs::create_directory(store.path());
    CHECK(get(backend, "bob").absent());
    CHECK(set(backend, "alice", "4").done());
    CHECK(store.entries() == 1);
}

TEST_CASE("a directory that is deleted during calls costs entries, not errors",
          "[file][threads][failure]") {
    const FileStore store;
    FileBackend backend{patient(store)};
    std::atomic<bool> stop{false};
    std::thread vandal{[&] {
        for (int i = 0; i < 200; ++i) {
            std::error_code ignored;
            fs::remove_all(store.path(), ignored);
            std::this_thread::sleep_for(200us);
        }
        stop = true;
    }};
    int failures = 0;
    std::string message;
    const auto count = [&](const Outcome& outcome) {
        if (!outcome.failed()) return;
        ++failures;
        message = outcome.failure().message();
    };
    for (int i = 0; !stop; ++i) {
        const auto key = "key" + std::to_string(i % 10);
        count(set(backend, key, "1"));
        count(touch(backend, key, 1h));
        count(add(backend, key, "2"));
        std::int64_t sum = 0;
        count(backend.increment(key, 1, sum));
        count(remove(backend, key));
        if (get(backend, key).failed()) ++failures;
        if (i % 10 == 0) backend.clear();
        if (i % 10 == 5) list_keys(backend);
    }
    vandal.join();
    INFO(message);
    CHECK(failures == 0);
}

TEST_CASE("a limit of the process on files is a full store", "[file][failure]") {
    const FileStore store;
    CHECK(in_child([&] {
              FileBackend backend{patient(store)};
              if (!set(backend, "bob", "small").done()) return 1;
              if (!set(backend, "alice", "small").done()) return 2;
              const rlimit limit{10'000, 10'000};
              if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 3;
              const std::string large(20'000, 'x');
              if (!failed_with(set(backend, "bob", large), BackendFault::full)) return 4;
              if (!get(backend, "bob").absent()) return 5;
              if (add(backend, "new", large).done()) return 6;
              if (!add(backend, "alice", large).declined()) return 7;
              if (!get(backend, "alice").found("small")) return 8;
              if (!set(backend, "bob", "small again").done()) return 9;
              return store.drafts() == 0 && store.entries() == 2 ? 0 : 10;
          }) == 0);
}

TEST_CASE("a limit below what the counts take is a full store too", "[file][failure]") {
    const FileStore store;
    CHECK(in_child([&] {
              FileBackend backend{patient(store)};
              if (!set(backend, "alice", "v", 1h).done()) return 1;
              const rlimit limit{1024, RLIM_INFINITY};
              if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
              if (!failed_with(set(backend, "bob", "v"), BackendFault::full)) return 3;
              if (!get(backend, "bob").absent()) return 4;
              if (!get(backend, "alice").found("v")) return 5;
              if (!set(backend, "alice", "w").done()) return 6;
              const rlimit tiny{50, RLIM_INFINITY};
              if (::setrlimit(RLIMIT_FSIZE, &tiny) != 0) return 7;
              if (!failed_with(touch(backend, "alice", 2h), BackendFault::full)) return 8;
              if (!get(backend, "alice").found("w")) return 9;
              if (!remove(backend, "alice").done()) return 10;
              return store.drafts() == 0 && store.entries() == 0 ? 0 : 11;
          }) == 0);
}

TEST_CASE("a full disk is said, and leaves nothing out of date", "[file][failure]") {
    const FileStore store;
    fs::create_directory(store.path());
    if (::mount("tmpfs", store.path().c_str(), "tmpfs", 0, "size=256k,mode=0700") != 0) {
        WARN("skipped: no small disk can be mounted here");
        return;
    }
    {
        FileBackend backend{patient(store)};
        CHECK(set(backend, "bob", "old").done());
        CHECK(set(backend, "alice", "hers").done());
        const auto outcome = set(backend, "bob", std::string(1 << 20, 'x'));
        CHECK(failed_with(outcome, BackendFault::full));
        CHECK(outcome.failure().message().find("xxx") == std::string::npos);
        CHECK(get(backend, "bob").absent());
        CHECK(get(backend, "alice").found("hers"));
        CHECK(store.drafts() == 0);
        CHECK(store.entries() == 1);
        CHECK(set(backend, "bob", "new").done());
        CHECK(get(backend, "bob").found("new"));
    }
    CHECK(::umount2(store.path().c_str(), MNT_DETACH) == 0);
}

TEST_CASE("an entry that the system does not let go stays, and others make room",
          "[file][failure]") {
    const FileStore store;
    FileBackend backend{
        {.directory = store.path(), .max_entries = 3, .cull_frequency = 1000, .deadline = 2s}};
    REQUIRE(set(backend, "bob", "v").done());
    make_older(store.bob(), 60s);
    if (::mount(store.bob().c_str(), store.bob().c_str(), nullptr, MS_BIND, nullptr) != 0) {
        WARN("skipped: nothing can be mounted here");
        return;
    }
    for (int i = 0; i < 10; ++i) {
        const auto key = std::to_string(i);
        CHECK(set(backend, key, "v").done());
        CHECK(get(backend, key).found("v"));
        CHECK(store.entries() <= 3);
    }
    CHECK(get(backend, "bob").found("v"));
    CHECK_THROWS_WITH(backend.clear(),
                      Catch::Contains("cannot remove " + std::string{file_of_bob}));
    CHECK(list_keys(backend) == std::vector<std::string>{"bob"});
    CHECK(set(backend, "0", "v").done());
    CHECK(set(backend, "1", "v").done());
    CHECK(store.entries() == 3);
    CHECK(set(backend, "2", "v").done());
    CHECK(store.entries() == 3);
    CHECK(::umount2(store.bob().c_str(), MNT_DETACH) == 0);
}

TEST_CASE("a process without descriptors left fails, and goes on when it has some",
          "[file][failure]") {
    const FileStore store;
    CHECK(in_child([&] {
              FileBackend backend{patient(store)};
              if (!set(backend, "bob", "v").done()) return 1;
              const rlimit none{0, 1024};
              const rlimit many{1024, 1024};
              if (::setrlimit(RLIMIT_NOFILE, &none) != 0) return 2;
              if (!failed_with(get(backend, "bob"), BackendFault::unavailable)) return 3;
              if (!failed_with(touch(backend, "bob", 1h), BackendFault::unavailable)) return 4;
              if (!failed_with(add(backend, "bob", "w"), BackendFault::unavailable)) return 5;
              if (::setrlimit(RLIMIT_NOFILE, &many) != 0) return 6;
              if (!get(backend, "bob").found("v")) return 7;
              if (::setrlimit(RLIMIT_NOFILE, &none) != 0) return 8;
              if (!failed_with(set(backend, "bob", "w"), BackendFault::unavailable)) return 9;
              if (::setrlimit(RLIMIT_NOFILE, &many) != 0) return 10;
              if (!get(backend, "bob").absent()) return 11;
              return set(backend, "bob", "w").done() ? 0 : 12;
          }) == 0);
}

TEST_CASE("no descriptor is left open, nor handed to another program", "[file][resources]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path(), .max_entries = 20, .deadline = patience}};
    const auto use = [&](int number) {
        const auto key = "key" + std::to_string(number);
        std::int64_t count = 0;
        Lifetime left;
        static_cast<void>(set(backend, key, "1", number % 3 == 0 ? Lifetime{1ms} : Lifetime{1h}));
        static_cast<void>(get(backend, key));
        static_cast<void>(add(backend, key, "2"));
        static_cast<void>(touch(backend, key, 1h));
        static_cast<void>(backend.increment(key, 1, count));
        static_cast<void>(backend.remaining_lifetime(key, left));
        static_cast<void>(compare_and_set(backend, key, "3", 1));
        if (number % 5 == 0) static_cast<void>(remove(backend, key));
        if (number % 40 == 0) list_keys(backend);
        if (number % 90 == 0) backend.clear();
        if (number % 70 == 0) fs::remove_all(store.path());
    };
    use(1);
    const auto before = open_descriptors();
    for (int i = 0; i < 300; ++i) use(i);
    use(1);
    CHECK(open_descriptors() == before);
    backend.close();
    CHECK(open_descriptors() == before - 1);
    CHECK(set(backend, "bob", "v").done());
    for (const auto& entry : fs::directory_iterator{"/proc/self/fd"}) {
        std::error_code vanished;
        const auto target = fs::read_symlink(entry.path(), vanished).string();
        if (!target.starts_with(store.path().string())) continue;
        const int number = std::stoi(entry.path().filename().string());
        CHECK((::fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);
    }
}

TEST_CASE("signals in the middle of calls are no failures", "[file][failure]") {
    const FileStore store;
    CHECK(in_child([&] {
              struct sigaction action {};
              action.sa_handler = [](int) {};
              ::sigaction(SIGALRM, &action, nullptr);  // without SA_RESTART
              const itimerval every_millisecond{{0, 1000}, {0, 1000}};
              ::setitimer(ITIMER_REAL, &every_millisecond, nullptr);
              FileBackend backend{patient(store)};
              const std::string value(100'000, 'v');
              for (int i = 0; i < 300; ++i) {
                  const auto key = "key" + std::to_string(i % 7);
                  if (!set(backend, key, value).done()) return 1;
                  if (!get(backend, key).found(value)) return 2;
                  if (!touch(backend, key, 1h).done()) return 3;
              }
              backend.clear();
              return 0;
          }) == 0);
}

TEST_CASE("a writer that stands still costs others no more than their deadline",
          "[file][failure]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path(), .deadline = 30ms}};
    REQUIRE(set(backend, "bob", "old").done());
    const auto shelf = store.bob().parent_path();
    const pid_t holder = begin_child([&] {
        const int directory = ::open(shelf.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (::flock(directory, LOCK_EX) != 0) return 1;
        write_bytes(store.path() / "ready", "x");
        while (true) ::pause();
        return 0;
    });
    while (!fs::exists(store.path() / "ready")) std::this_thread::sleep_for(1ms);

    CHECK(get(backend, "bob").found("old"));
    const auto begin = std::chrono::steady_clock::now();
    CHECK(failed_with(touch(backend, "bob", 1h), BackendFault::timeout));
    CHECK(std::chrono::steady_clock::now() - begin < 5s);
    CHECK(failed_with(remove(backend, "bob"), BackendFault::timeout));
    CHECK(failed_with(set(backend, "bob", "new"), BackendFault::timeout));
    CHECK(get(backend, "bob").absent());  // not the old one
    CHECK(store.drafts() == 0);
    ::kill(holder, SIGKILL);
    CHECK(end_of_child(holder) == 100 + SIGKILL);
    CHECK(set(backend, "bob", "new").done());
    CHECK(get(backend, "bob").found("new"));
}
