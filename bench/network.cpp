// cachemodel: what models cost on memcached, beside a bare socket and what people write by hand.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/memcached.hpp>
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/detail/cbor.hpp>
#include <cachemodel/detail/codec.hpp>

#include <libmemcached/memcached.h>
#include <nlohmann/json.hpp>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bare_socket.hpp"
#include "comparison.hpp"
#include "support/memcached_server.hpp"

namespace town {

using cachemodel::Field;
using cachemodel::Key;
using cachemodel::Reference;

constexpr std::size_t batch = 100;

/// Enough for a machine that is busy with something else.
constexpr unsigned patience_ms = 10'000;

/// The payload, for those who encode by hand.
struct Survey {
    std::string owner;
    std::string purpose;
    std::string remark;
    std::int64_t square_millimetres = 0;
    double latitude = 0;
    std::vector<std::string> rooms;

    bool operator==(const Survey&) const = default;
};

Survey survey(std::size_t number) {
    return {
        .owner = "The Honourable Company of Clerks " + std::to_string(number),
        .purpose = "storage of maps, 1780 to 1890",
        .remark = "The stairs are steep; bring a lamp and a second pair of eyes",
        .square_millimetres = 84'250'000 + static_cast<std::int64_t>(number),
        .latitude = 51.51279,
        .rooms = {"reading room", "archive", "workshop for bindings", "office of the curator"},
    };
}

std::string address(std::size_t number) { return "survey-" + std::to_string(number); }

/// The same as a model.
struct Record {
    Key<std::string> address;
    Field<std::string> owner;
    Field<std::string> purpose;
    Field<std::string> remark;
    Field<std::int64_t> square_millimetres;
    Field<double> latitude;
    Field<std::vector<std::string>> rooms;

    bool operator==(const Record&) const = default;
};

Record record(std::size_t number) {
    const Survey of = survey(number);
    return {
        .address = address(number),
        .owner = of.owner,
        .purpose = of.purpose,
        .remark = of.remark,
        .square_millimetres = of.square_millimetres,
        .latitude = of.latitude,
        .rooms = of.rooms,
    };
}

/// A text of some length.
struct Page {
    Key<std::string> address;
    Field<std::string> text;
};

// 1 + 50 + 400 in three levels.
constexpr std::int64_t branches = 50;
constexpr std::int64_t leaves_of_branch = 8;
constexpr std::size_t entities = 1 + branches + branches * leaves_of_branch;

struct Leaf {
    Key<std::int64_t> number;
    Field<std::string> name;
};
struct Branch {
    Key<std::int64_t> number;
    Field<std::string> name;
    std::vector<Reference<Leaf>> leaves;
};
struct Tree {
    Key<std::int64_t> number;
    Field<std::string> name;
    std::vector<Reference<Branch>> parts;
};

}  // namespace town

namespace {

using namespace cachemodel;
using namespace town;
using support::Transport;

// ---- by hand: numbers as they are in memory, and lengths before what has one

class Writer {
 public:
    void number(std::uint32_t value) { append(&value, sizeof value); }
    void number(std::int64_t value) { append(&value, sizeof value); }
    void number(double value) { append(&value, sizeof value); }
    void text(std::string_view value) {
        number(static_cast<std::uint32_t>(value.size()));
        bytes_.append(value);
    }
    std::string take() { return std::move(bytes_); }

 private:
    void append(const void* value, std::size_t size) {
        bytes_.append(static_cast<const char*>(value), size);
    }
    std::string bytes_;
};

class Reader {
 public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}

    template <class Number>
    void number(Number& value) {
        std::memcpy(&value, piece(sizeof value).data(), sizeof value);
    }
    void text(std::string& value) {
        std::uint32_t size = 0;
        number(size);
        value.assign(piece(size));
    }
    bool at_end() const { return bytes_.empty(); }

 private:
    std::string_view piece(std::size_t size) {
        if (size > bytes_.size()) throw std::runtime_error("an entry ends early");
        const auto front = bytes_.substr(0, size);
        bytes_.remove_prefix(size);
        return front;
    }
    std::string_view bytes_;
};

std::string to_binary(const Survey& of) {
    Writer writer;
    writer.text(of.owner);
    writer.text(of.purpose);
    writer.text(of.remark);
    writer.number(of.square_millimetres);
    writer.number(of.latitude);
    writer.number(static_cast<std::uint32_t>(of.rooms.size()));
    for (const auto& room : of.rooms) writer.text(room);
    return writer.take();
}

Survey from_binary(std::string_view bytes) {
    Reader reader{bytes};
    Survey of;
    reader.text(of.owner);
    reader.text(of.purpose);
    reader.text(of.remark);
    reader.number(of.square_millimetres);
    reader.number(of.latitude);
    std::uint32_t rooms = 0;
    reader.number(rooms);
    for (; rooms > 0; --rooms) reader.text(of.rooms.emplace_back());
    if (!reader.at_end()) throw std::runtime_error("an entry is too long");
    return of;
}

std::string to_json(const Survey& of) {
    return nlohmann::json{
        {"owner", of.owner},       {"purpose", of.purpose},
        {"remark", of.remark},     {"square_millimetres", of.square_millimetres},
        {"latitude", of.latitude}, {"rooms", of.rooms},
    }
        .dump();
}

Survey from_json(std::string_view bytes) {
    const auto json = nlohmann::json::parse(bytes);
    return {
        .owner = json.at("owner"),
        .purpose = json.at("purpose"),
        .remark = json.at("remark"),
        .square_millimetres = json.at("square_millimetres"),
        .latitude = json.at("latitude"),
        .rooms = json.at("rooms"),
    };
}

// ---- the limit

class BareClient {
 public:
    explicit BareClient(const MemcachedServer& server) : socket_(server) {}

    /// Valid until the next call.
    std::string_view get(std::string_view key) {
        std::string_view value;
        get_many({&key, 1}, [&](std::string_view found) { value = found; });
        return value;
    }
    template <class Take>
    void get_many(std::span<const std::string_view> keys, Take take) {
        request_.assign("get");
        for (const auto key : keys) request_.append(" ").append(key);
        request_ += "\r\n";
        socket_.send(request_);
        auto rest = socket_.receive_until("END\r\n");
        while (rest != "END\r\n") {
            const auto line = rest.substr(0, rest.find("\r\n"));
            const auto size = std::strtoul(line.data() + line.rfind(' '), nullptr, 10);
            take(rest.substr(line.size() + 2, size));
            rest.remove_prefix(line.size() + 2 + size + 2);
        }
    }
    bool set(std::string_view key, std::string_view value) {
        request_.assign("set ").append(key).append(" 0 0 ");
        request_.append(std::to_string(value.size())).append("\r\n").append(value).append("\r\n");
        socket_.send(request_);
        return socket_.receive_until("\r\n") == "STORED\r\n";
    }
    bool set_many(std::span<const std::string_view> keys, std::span<const std::string> values) {
        request_.clear();
        for (std::size_t i = 0; i < keys.size(); ++i) {
            request_.append("ms ").append(keys[i]).append(" ");
            request_.append(std::to_string(values[i].size())).append(" q\r\n");
            request_.append(values[i]).append("\r\n");
        }
        request_ += "mn\r\n";
        socket_.send(request_);
        return socket_.receive_until("MN\r\n") == "MN\r\n";
    }

 private:
    bench::BareSocket socket_;
    std::string request_;
};

// ---- libmemcached

class LibMemcached {
 public:
    explicit LibMemcached(const MemcachedServer& server) : client_(memcached_create(nullptr)) {
        const auto added =
            server.socket.empty()
                ? memcached_server_add(client_.get(), server.host.c_str(), server.port)
                : memcached_server_add_unix_socket(client_.get(), server.socket.c_str());
        if (!memcached_success(added)) throw std::runtime_error("libmemcached takes no server");
        memcached_behavior_set(client_.get(), MEMCACHED_BEHAVIOR_TCP_NODELAY, 1);
        memcached_behavior_set(client_.get(), MEMCACHED_BEHAVIOR_POLL_TIMEOUT, patience_ms);
    }

    template <class Take>
    auto get(std::string_view key, Take take) {
        std::size_t size = 0;
        std::uint32_t flags = 0;
        memcached_return_t result{};
        const std::unique_ptr<char, Free> value{
            memcached_get(client_.get(), key.data(), key.size(), &size, &flags, &result)};
        if (result != MEMCACHED_SUCCESS) throw std::runtime_error("libmemcached finds nothing");
        return take(std::string_view{value.get(), size});
    }
    template <class Take>
    void get_many(std::span<const std::string_view> keys, Take take) {
        std::vector<const char*> names;
        std::vector<std::size_t> sizes;
        names.reserve(keys.size());
        sizes.reserve(keys.size());
        for (const auto key : keys) {
            names.push_back(key.data());
            sizes.push_back(key.size());
        }
        memcached_mget(client_.get(), names.data(), sizes.data(), keys.size());
        memcached_result_st result;
        memcached_result_create(client_.get(), &result);
        memcached_return_t code{};
        while (memcached_fetch_result(client_.get(), &result, &code) != nullptr) {
            take(std::string_view{memcached_result_value(&result),
                                  memcached_result_length(&result)});
        }
        memcached_result_free(&result);
    }
    bool set(std::string_view key, std::string_view value) {
        return memcached_success(
            memcached_set(client_.get(), key.data(), key.size(), value.data(), value.size(), 0, 0));
    }

 private:
    struct Free {
        void operator()(memcached_st* client) const noexcept { memcached_free(client); }
        void operator()(char* value) const noexcept { std::free(value); }
    };
    std::unique_ptr<memcached_st, Free> client_;
};

// ---- Django

/// A child process that calls Django's cache as often as it is told to.
class Django {
 public:
    /// Nothing where Python has no Django or no pylibmc.
    static std::unique_ptr<Django> start(const MemcachedServer& server) {
        const auto location =
            server.socket.empty() ? server.host + ':' + std::to_string(server.port) : server.socket;
        auto django = std::unique_ptr<Django>(new Django{location});
        return django->line() == "ready\n" ? std::move(django) : nullptr;
    }
    ~Django() {
        if (to_ != nullptr) std::fclose(to_);  // the end of its input ends it
        if (from_ != nullptr) std::fclose(from_);
        if (id_ > 0) ::waitpid(id_, nullptr, 0);
    }
    Django(const Django&) = delete;
    Django& operator=(const Django&) = delete;

    void repeat(const std::string& verb, std::size_t times) {
        std::fprintf(to_, "%s %zu\n", verb.c_str(), times);
        std::fflush(to_);
        if (line() != "done\n") throw std::runtime_error("Django's " + verb + " is wrong");
    }

 private:
    explicit Django(const std::string& location) {
        int input[2];
        int output[2];
        if (::pipe(input) != 0 || ::pipe(output) != 0) throw std::runtime_error("no pipe");
        id_ = ::fork();
        if (id_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::dup2(input[0], STDIN_FILENO);
            ::dup2(output[1], STDOUT_FILENO);
            ::close(input[1]);
            ::close(output[0]);
            // Debian's packages are for Debian's Python.
            ::execl("/usr/bin/python3", "python3", "-B", CACHEMODEL_DJANGO_CACHE, location.c_str(),
                    nullptr);
            ::_exit(127);
        }
        ::close(input[0]);
        ::close(output[1]);
        to_ = ::fdopen(input[1], "w");
        from_ = ::fdopen(output[0], "r");
    }
    std::string line() {
        char text[64] = "";
        return std::fgets(text, sizeof text, from_) != nullptr ? text : "";
    }

    pid_t id_ = -1;
    std::FILE* to_ = nullptr;
    std::FILE* from_ = nullptr;
};

// ---- the tables

/// The same hundred entries for all, each under a key of its own kind.
struct Entries {
    explicit Entries(const char* kind) {
        for (std::size_t i = 0; i < batch; ++i) names.push_back(kind + address(i));
        keys.assign(names.begin(), names.end());
    }
    std::vector<std::string> names;
    std::vector<std::string_view> keys;
};

auto is_done = [](bool done) { return done; };

class Contest {
 public:
    Contest(const bench::Settings& settings, const std::string& transport,
            const support::RealMemcached& server)
        : settings_(settings),
          transport_(transport),
          bare_(server.address()),
          client_(server.address()),
          cache_(Cache::open(server.url() + "?deadline=" + std::to_string(patience_ms) + "ms")),
          records_(cache_),
          django_(Django::start(server.address())) {
        for (std::size_t i = 0; i < batch; ++i) {
            surveys_.push_back(survey(i));
            binary_.push_back(to_binary(surveys_[i]));
            models_.push_back(record(i));
            client_.set(by_binary_.keys[i], binary_[i]);
            client_.set(by_json_.keys[i], to_json(surveys_[i]));
        }
        for (const auto& outcome : records_.save_many(models_)) {
            if (!outcome.done()) outcome.failure().rethrow();
        }
        if (!django_)
            std::fprintf(stderr, "Without Django, or without pylibmc: it does not join.\n");
    }

    void get() {
        bench::Comparison table{"get, " + transport_};
        const auto key = by_binary_.keys[0];
        const auto is_survey = [&](const Survey& got) { return got == surveys_[0]; };
        table.add(
            "bare socket", [&](std::string_view got) { return got == binary_[0]; },
            [this, key] { return bare_.get(key); });
        table.add(
            "libmemcached, bytes only", [&](std::size_t got) { return got == binary_[0].size(); },
            [this, key] {
                return client_.get(key, [](std::string_view got) { return got.size(); });
            });
        table.add("libmemcached, binary by hand", is_survey,
                  [this, key] { return client_.get(key, from_binary); });
        table.add("libmemcached, nlohmann::json", is_survey,
                  [this] { return client_.get(by_json_.keys[0], from_json); });
        add_django(table, "get", 1);
        auto& own = table.add(
            "cachemodel", [&](const Record& got) { return got == models_[0]; },
            [this] { return records_.get(names_[0]); });
        own.at_least(0.9, "libmemcached, bytes only").at_least(0.8, "bare socket");
        beat_django(own, 1.8, "get");
        table.run(settings_);
    }

    void save() {
        bench::Comparison table{"save, " + transport_};
        const auto key = by_binary_.keys[0];
        table.add("bare socket", is_done, [this, key] { return bare_.set(key, binary_[0]); });
        table.add("libmemcached, bytes only", is_done,
                  [this, key] { return client_.set(key, binary_[0]); });
        table.add("libmemcached, binary by hand", is_done,
                  [this, key] { return client_.set(key, to_binary(surveys_[0])); });
        table.add("libmemcached, nlohmann::json", is_done,
                  [this] { return client_.set(by_json_.keys[0], to_json(surveys_[0])); });
        add_django(table, "set", 1);
        table.add("cachemodel", is_done, [this] { return records_.save(models_[0]), true; })
            .at_least(0.9, "libmemcached, bytes only")
            .at_least(0.75, "bare socket");
        table.run(settings_);
    }

    void get_many() {
        bench::Comparison table{"get_many(100), one key, " + transport_};
        const auto is_size = [](std::size_t got) { return got == batch; };
        const auto is_all = [&](const std::vector<Survey>& got) { return got == surveys_; };
        table.add(
            "bare socket, get of one", [&](std::string_view got) { return got == binary_[0]; },
            [this] { return bare_.get(by_binary_.keys[0]); });
        table.add(
            "bare socket, get of 100, bytes only", is_size,
            [this] {
                std::size_t count = 0;
                bare_.get_many(by_binary_.keys, [&](std::string_view) { ++count; });
                return count;
            },
            batch);
        table.add(
            "libmemcached, bytes only", is_size,
            [this] {
                std::size_t count = 0;
                client_.get_many(by_binary_.keys, [&](std::string_view) { ++count; });
                return count;
            },
            batch);
        table.add(
            "libmemcached, binary by hand", is_all,
            [this] { return many_by(by_binary_, from_binary); }, batch);
        table.add(
            "libmemcached, nlohmann::json", is_all, [this] { return many_by(by_json_, from_json); },
            batch);
        add_django(table, "get_many", batch);
        auto& own = table.add(
            "cachemodel",
            [&](const std::vector<Lookup<Record>>& got) {
                for (std::size_t i = 0; i < batch; ++i) {
                    if (!got[i].found() || *got[i] != models_[i]) return false;
                }
                return got.size() == batch;
            },
            [this] { return records_.get_many(names_); }, batch);
        own.at_least(0.65, "libmemcached, bytes only").at_least(10, "bare socket, get of one");
        beat_django(own, 3, "get_many");
        table.run(settings_);
    }

    void get_many_of_1_kilobyte() {
        const Models<Page> pages{cache_};
        const std::string text(1000, 'p');
        std::vector<Page> all;
        for (const auto& name : names_) all.push_back({.address = name, .text = text});
        for (const auto& outcome : pages.save_many(all)) {
            if (!outcome.done()) outcome.failure().rethrow();
        }
        const Entries by_text{"text:"};
        for (const auto key : by_text.keys) client_.set(key, text);

        bench::Comparison table{"get_many(100) of 1 KB, one key, " + transport_};
        const auto is_size = [](std::size_t got) { return got == batch; };
        table.add(
            "bare socket, get of one", [&](std::string_view got) { return got == text; },
            [this, &by_text] { return bare_.get(by_text.keys[0]); });
        table.add(
            "bare socket, get of 100, bytes only", is_size,
            [this, &by_text] {
                std::size_t count = 0;
                bare_.get_many(by_text.keys, [&](std::string_view) { ++count; });
                return count;
            },
            batch);
        table.add(
            "libmemcached, bytes only", is_size,
            [this, &by_text] {
                std::size_t count = 0;
                client_.get_many(by_text.keys, [&](std::string_view) { ++count; });
                return count;
            },
            batch);
        table
            .add(
                "cachemodel",
                [&](const std::vector<Lookup<Page>>& got) {
                    for (const auto& page : got) {
                        if (!page.found() || *page->text != text) return false;
                    }
                    return got.size() == batch;
                },
                [this, &pages] { return pages.get_many(names_); }, batch)
            .at_least(0.65, "libmemcached, bytes only")
            .at_least(6, "bare socket, get of one");
        table.run(settings_);
    }

    void save_many() {
        bench::Comparison table{"save_many(100), one key, " + transport_};
        const auto& keys = by_binary_.keys;
        table.add("bare socket, set of one", is_done,
                  [this, &keys] { return bare_.set(keys[0], binary_[0]); });
        table.add(
            "bare socket, 100 at once, bytes only", is_done,
            [this, &keys] { return bare_.set_many(keys, binary_); }, batch);
        table.add(
            "libmemcached, binary by hand", is_done,
            [this, &keys] {
                bool done = true;
                for (std::size_t i = 0; i < batch; ++i) {
                    done = client_.set(keys[i], to_binary(surveys_[i])) && done;
                }
                return done;
            },
            batch);
        table.add(
            "libmemcached, nlohmann::json", is_done,
            [this] {
                bool done = true;
                for (std::size_t i = 0; i < batch; ++i) {
                    done = client_.set(by_json_.keys[i], to_json(surveys_[i])) && done;
                }
                return done;
            },
            batch);
        add_django(table, "set_many", batch);
        auto& own = table.add(
            "cachemodel",
            [](const std::vector<Outcome>& outcomes) {
                for (const auto& outcome : outcomes) {
                    if (!outcome.done()) return false;
                }
                return outcomes.size() == batch;
            },
            [this] { return records_.save_many(models_); }, batch);
        own.at_least(10, "bare socket, set of one");
        beat_django(own, 7, "set_many");
        table.run(settings_);
    }

    void encode_and_decode() {
        const auto& members = detail::table_of<Record>().members;
        const auto encoded = [&members](const Record& of) {
            std::string bytes;
            bytes.reserve(320);  // about what the library does
            detail::CborWriter writer{bytes};
            detail::encode_members(writer, &of, members);
            return bytes;
        };
        const auto decoded = [&members](std::string_view bytes) {
            Record of{.address = address(0)};
            detail::CborReader reader{bytes};
            if (!detail::decode_members(reader, &of, members)) throw std::runtime_error("no CBOR");
            return of;
        };
        const std::string cbor = encoded(models_[0]);
        const std::string json = to_json(surveys_[0]);
        const auto is_survey = [&](const Survey& got) { return got == surveys_[0]; };

        bench::Comparison encode{"encode"};
        encode.add(
            "binary by hand", [&](const std::string& got) { return got == binary_[0]; },
            [this] { return to_binary(surveys_[0]); });
        encode.add(
            "nlohmann::json", [&](const std::string& got) { return got == json; },
            [this] { return to_json(surveys_[0]); });
        add_round_trip(encode);
        encode
            .add(
                "cachemodel", [&](const std::string& got) { return got == cbor; },
                [this, encoded] { return encoded(models_[0]); })
            .at_most(2, "binary by hand")
            .at_most(0.02, "a bare get, " + transport_);
        encode.run(settings_);

        bench::Comparison decode{"decode into a fresh object"};
        decode.add("binary by hand", is_survey, [this] { return from_binary(binary_[0]); });
        decode.add("nlohmann::json", is_survey, [&json] { return from_json(json); });
        add_round_trip(decode);
        decode
            .add(
                "cachemodel", [&](const Record& got) { return got == models_[0]; },
                [&cbor, decoded] { return decoded(cbor); })
            .at_most(2, "binary by hand")
            .at_most(0.02, "a bare get, " + transport_);
        decode.run(settings_);
    }

    void graph() {
        const Models<Tree> trees{cache_};
        const Models<Branch> branches_of{cache_};
        const Models<Leaf> leaves{cache_};
        Tree tree{.number = 1, .name = "the tree"};
        for (std::int64_t i = 0; i < branches; ++i) {
            Branch branch{.number = i, .name = "branch " + std::to_string(i)};
            for (std::int64_t j = 0; j < leaves_of_branch; ++j) {
                const Leaf leaf{.number = i * leaves_of_branch + j, .name = "leaf"};
                leaves.save(leaf);
                branch.leaves.push_back(Reference<Leaf>::to(*leaf.number));
            }
            branches_of.save(branch);
            tree.parts.push_back(Reference<Branch>::to(i));
        }
        trees.save(tree);
        for (std::size_t i = 0; i < entities; ++i) {
            client_.set(address(i), "leaf " + std::to_string(i));
        }

        const auto before = cache_.statistics().round_trips;
        (void)trees.get(1);
        if (cache_.statistics().round_trips - before != 3) {
            throw std::runtime_error("a graph of three levels is not three round trips");
        }
        const auto is_whole = [](std::size_t count) { return count == entities; };
        bench::Comparison table{"1 + 50 + 400 entities, one of them, " + transport_};
        table.add(
            "libmemcached, one by one, bytes only", is_whole,
            [this] {
                std::size_t count = 0;
                for (std::size_t i = 0; i < entities; ++i) {
                    const auto take = [](std::string_view got) { return got.size(); };
                    count += client_.get(address(i), take) > 0 ? 1 : 0;
                }
                return count;
            },
            entities);
        table.add(
            "cachemodel, one by one", is_whole,
            [trees = trees.depth(0), branches_of = branches_of.depth(0), leaves] {
                std::size_t count = trees.get(1).parts.empty() ? 0 : 1;
                for (std::int64_t i = 0; i < branches; ++i) {
                    count += branches_of.get(i).leaves.empty() ? 0 : 1;
                }
                for (std::int64_t i = 0; i < branches * leaves_of_branch; ++i) {
                    count += leaves.get(i).name->empty() ? 0 : 1;
                }
                return count;
            },
            entities);
        table
            .add(
                "cachemodel, as a graph", is_whole,
                [trees] {
                    const Tree got = trees.get(1);
                    std::size_t count = 1;
                    for (const auto& part : got.parts) count += 1 + part->leaves.size();
                    return count;
                },
                entities)
            .at_least(20, "cachemodel, one by one");
        table.run(settings_);
    }

 private:
    template <class Decode>
    std::vector<Survey> many_by(const Entries& entries, Decode decode) {
        std::vector<Survey> got;
        got.reserve(batch);
        client_.get_many(entries.keys,
                         [&](std::string_view bytes) { got.push_back(decode(bytes)); });
        return got;
    }
    void add_round_trip(bench::Comparison& table) {
        table.add(
            "a bare get, " + transport_, [&](std::string_view got) { return !got.empty(); },
            [this] { return bare_.get(by_binary_.keys[0]); });
    }
    void add_django(bench::Comparison& table, const std::string& verb, std::size_t units) {
        if (!django_) return;
        table.add_repeating(django_name(verb), units,
                            [this, verb](std::size_t times) { django_->repeat(verb, times); });
    }
    void beat_django(bench::Comparison::Candidate& own, double speed, const std::string& verb) {
        if (django_) own.at_least(speed, django_name(verb));
    }
    static std::string django_name(const std::string& verb) {
        return "Django with pylibmc, " + verb;
    }

    const bench::Settings& settings_;
    const std::string transport_;
    BareClient bare_;
    LibMemcached client_;
    const Cache cache_;
    const Models<Record> records_;
    std::unique_ptr<Django> django_;

    std::vector<Survey> surveys_;
    std::vector<std::string> binary_;
    std::vector<Record> models_;
    const Entries by_binary_{"binary:"};
    const Entries by_json_{"json:"};
    const std::vector<std::string> names_ = Entries{""}.names;
};

void measure(const bench::Settings& settings, Transport transport) {
    const bool is_tcp = transport == Transport::tcp;
    const support::RealMemcached server{transport, {"-t", "1", "-m", "64"}};
    Contest contest{settings, is_tcp ? "TCP" : "unix socket", server};
    contest.get();
    contest.save();
    contest.get_many();
    contest.get_many_of_1_kilobyte();
    contest.save_many();
    contest.graph();
    if (is_tcp) contest.encode_and_decode();
}

}  // namespace

int main(int count, char** arguments) {
    try {
        const auto settings = bench::Settings::from_arguments(count, arguments);
        bench::print_circumstances(settings);
        measure(settings, Transport::tcp);
        measure(settings, Transport::unix_socket);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
