// cachemodel: a ConfigError that knows which part of the configuration it is about.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/config_problem.hpp>
#include <cachemodel/error.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace cachemodel::detail {

/// Users see a `ConfigError`. Cheap to copy.
class ConfigProblemError final : public ConfigError {
 public:
    /// `before` stands in the message before the problem's text.
    explicit ConfigProblemError(ConfigProblem problem, std::string_view before = {})
        : ConfigError(std::string{before} + problem.text),
          problem_(std::make_shared<const ConfigProblem>(std::move(problem))) {}

    const ConfigProblem& problem() const noexcept { return *problem_; }

 private:
    std::shared_ptr<const ConfigProblem> problem_;
};

inline ConfigProblemError wrong_scheme(std::string text) {
    return ConfigProblemError{{.part = ConfigProblem::Part::scheme, .text = std::move(text)}};
}

inline ConfigProblemError wrong_login(std::string text) {
    return ConfigProblemError{{.part = ConfigProblem::Part::login, .text = std::move(text)}};
}

inline ConfigProblemError wrong_location(std::string text) {
    return ConfigProblemError{{.part = ConfigProblem::Part::location, .text = std::move(text)}};
}

inline ConfigProblemError wrong_option(std::string_view name, std::string text,
                                       std::string behind_name = {}) {
    return ConfigProblemError{{.part = ConfigProblem::Part::options,
                               .options = {std::string{name}},
                               .text = std::move(text),
                               .behind_name = std::move(behind_name)}};
}

}  // namespace cachemodel::detail
