// Builds the parts on the real machine and hands them down.
#include <cstdio>
#include <string>
#include <vector>

#include "agent/serve.h"

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments, arguments + count);
  return words.empty() ? 1 : petiole::run_program(words);
}
